import type { Config } from '../config/config.ts'
import type { FileCatalog } from '../models/catalog.ts'
import type { EngineCatalog } from '../models/engine-catalog.ts'
import { resolveModelEntry } from '../config/model-entries.ts'
import type { ManagerService } from '../spec/admin.ts'
import { ResourceError, resourceError } from '../spec/errors.ts'
import type { ModelLibrary } from '../spec/model-library.ts'
import { withoutDefaultTag } from '../spec/ollama-name.ts'
import type { StateFolders } from '../system/folders.ts'
import { fetchModel } from './fetch-model.ts'
import { SharedPulls } from './shared-pulls.ts'

export interface LibraryParts {
  readonly files: FileCatalog
  readonly catalog: EngineCatalog
  readonly manager: ManagerService
  readonly folders: StateFolders
  /** What is in force. */
  readonly config: () => Config
  /** Something a person should know and that stops nothing. */
  readonly onNotice: (text: string) => void
}

/** What `grym pull` and `grym rm` do, for callers over HTTP. */
export function modelLibrary(parts: LibraryParts): ModelLibrary {
  const { files, catalog, manager, folders, config, onNotice } = parts
  const pulls = new SharedPulls(async (name, onProgress, signal) => {
    await fetchModel(name, config(), folders, {
      signal,
      onProgress,
      onSourceFailed: (source, error) => onNotice(`${source} did not work: ${error.message} Trying the next source.`),
    })
    // Look again, or the next request would not find it: a scan is fresh for two seconds.
    await files.list()
  })
  return {
    async pull(name, onProgress, signal) {
      if (await isHere(catalog, name)) return
      const short = withoutDefaultTag(name)
      const isEntry = resolveModelEntry(name, config().entries).followed.length > 0
      await pulls.pull(short === undefined || isEntry ? name : short, onProgress, signal)
    },
    async remove(name, signal) {
      const { id } = await catalog.resolve(name)
      await checkOurs(files, id)
      await manager.unload(id, signal)
      return { modelId: id, freedBytes: await files.remove(id) }
    },
  }
}

async function isHere(catalog: EngineCatalog, name: string): Promise<boolean> {
  try {
    await catalog.resolve(name)
    return true
  } catch (error) {
    const isAbsent = error instanceof ResourceError && ABSENT.has(error.reason)
    if (isAbsent) return false
    throw error
  }
}

/** `hf:owner/repository/file.gguf` is no model id, and an entry's file may not be here yet. */
const ABSENT: ReadonlySet<string> = new Set(['model-not-found', 'invalid-model-id', 'model-file-missing'])

/** Before it is unloaded for nothing. */
async function checkOurs(files: FileCatalog, id: string): Promise<void> {
  try {
    await files.checkRemovable(id)
  } catch (error) {
    if (!(error instanceof ResourceError) || error.reason !== 'model-not-found') throw error
    throw resourceError('invalid-request', `${id} belongs to another engine, which deletes it.`, { cause: error })
  }
}
