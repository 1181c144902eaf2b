import type { Config } from '../config/config.ts'
import type { PullProgress } from '../models/pull.ts'
import { SMOLLM2 } from '../models/smollm2.ts'
import type { ModelCatalog } from '../spec/catalog.ts'
import type { ErrorReason } from '../spec/error-reason.ts'
import { toErrorData } from '../spec/errors.ts'
import type { StateFolders } from '../system/folders.ts'
import { fetchModel } from './fetch-model.ts'

export interface EnsureOptions {
  readonly config: Config
  readonly folders: StateFolders
  readonly catalog: ModelCatalog
  readonly onProgress: (progress: PullProgress) => void
  /** Something a person should know and that stops nothing. */
  readonly onNotice: (text: string) => void
  readonly signal: AbortSignal
}

/**
 * Gets the default model when it is `smollm2` and not here. Without it grym still serves whatever else is here, so a
 * failure is told, not thrown.
 */
export async function ensureDefaultModel(options: EnsureOptions): Promise<void> {
  const { config, folders, catalog, onProgress, onNotice, signal } = options
  if (config.defaultModel !== SMOLLM2.id || signal.aborted) return
  if (await isHere(catalog)) return
  try {
    await fetchModel(SMOLLM2.id, config, folders, {
      signal,
      onProgress,
      onSourceFailed: (source, error) => onNotice(`${source} did not work: ${error.message} Trying the next source.`),
    })
    // Look again, or the first request would not find it: a scan is fresh for two seconds.
    await catalog.list()
  } catch (error) {
    if (signal.aborted) return
    const { message } = toErrorData(error)
    onNotice(
      `The default model could not be downloaded. ${message} Until then put a .gguf file into ${folders.models}, or run \`grym pull\`.`,
    )
  }
}

const MENDED_BY_DOWNLOAD: ReadonlySet<ErrorReason> = new Set([
  'model-not-found',
  'model-file-missing',
  'model-file-corrupt',
])

/** Whoever has it under this name serves it: grym's own folder, Ollama, an entry of the configuration. */
async function isHere(catalog: ModelCatalog): Promise<boolean> {
  try {
    await catalog.resolve(SMOLLM2.id)
    return true
  } catch (error) {
    // What else may be wrong with it a download does not mend, and whoever asks for it is told.
    return !MENDED_BY_DOWNLOAD.has(toErrorData(error).reason)
  }
}
