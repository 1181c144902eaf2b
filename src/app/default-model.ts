import type { Config } from '../config/config.ts'
import type { FileCatalog } from '../models/catalog.ts'
import type { PullProgress } from '../models/pull.ts'
import { SMOLLM2 } from '../models/smollm2.ts'
import { toErrorData } from '../spec/errors.ts'
import type { StateFolders } from '../system/folders.ts'
import { fetchModel } from './fetch-model.ts'

export interface EnsureOptions {
  readonly config: Config
  readonly folders: StateFolders
  readonly catalog: FileCatalog
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
  // One that Ollama has under this name serves it, too.
  const isHere = (await catalog.list()).some(({ id }) => id === SMOLLM2.id || id === `${SMOLLM2.id}:latest`)
  if (isHere) return
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
