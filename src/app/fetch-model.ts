import type { Config } from '../config/config.ts'
import { resolveModelEntry } from '../config/model-entries.ts'
import { entryFileName } from '../models/entry-file-name.ts'
import { indexUrlOfPipConfig, pipConfigPaths, PUBLIC_INDEX_URL } from '../models/pip-config.ts'
import { pullModel, type PullProgress, type Pulled } from '../models/pull.ts'
import type { StateFolders } from '../system/folders.ts'
import { readOptional } from '../system/optional-file.ts'

export interface FetchOptions {
  readonly onProgress: (progress: PullProgress) => void
  readonly onSourceFailed?: (source: string, error: Error) => void
  readonly signal: AbortSignal
}

/** Where pulled models go: the first of `GRYM_MODELS`, else grym's own folder. */
export function pullFolder({ modelFolders }: Config, { models }: StateFolders): string {
  return modelFolders[0] ?? models
}

/** Gets a model, from where its entry of the configuration says so if it has one. */
export async function fetchModel(
  name: string,
  config: Config,
  folders: StateFolders,
  options: FetchOptions,
): Promise<Pulled> {
  const { hfEndpoint, hfToken, proxies } = config.pull
  const entry = resolveModelEntry(name, config.entries)
  return pullModel(entry.download ?? entry.name, {
    folder: pullFolder(config, folders),
    ...(entry.download !== undefined && { fileName: entryFileName(entry.name) }),
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
