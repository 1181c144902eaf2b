import type { Config } from '../config/config.ts'
import { indexUrlOfPipConfig, pipConfigPaths, PUBLIC_INDEX_URL } from '../models/pip-config.ts'
import { pullModel, type PullProgress, type Pulled } from '../models/pull.ts'
import type { StateFolders } from '../system/folders.ts'
import { readOptional } from '../system/optional-file.ts'

export interface FetchOptions {
  readonly onProgress: (progress: PullProgress) => void
  readonly onSourceFailed?: (source: string, error: Error) => void
  readonly signal: AbortSignal
}

/** Gets a model into the folder where grym keeps models: the first of `GRYM_MODELS`, else its own. */
export async function fetchModel(
  name: string,
  config: Config,
  folders: StateFolders,
  options: FetchOptions,
): Promise<Pulled> {
  const { hfEndpoint, hfToken, proxies } = config.pull
  return pullModel(name, {
    folder: config.modelFolders[0] ?? folders.models,
    huggingFace: { endpoint: hfEndpoint, token: hfToken },
    indexUrls: [await indexUrl(config)],
    http: { proxies },
    ...options,
  })
}

/** `PIP_INDEX_URL`, else what pip is configured with, else the public index. */
async function indexUrl(config: Config): Promise<string> {
  if (config.pull.pipIndexUrl !== undefined) return config.pull.pipIndexUrl
  for (const path of pipConfigPaths(config.userHome, config.xdgConfigHome)) {
    const text = await readOptional(path)
    const url = text === undefined ? undefined : indexUrlOfPipConfig(text)
    if (url !== undefined && URL.canParse(url)) return url
  }
  return PUBLIC_INDEX_URL
}
