import { stat } from 'node:fs/promises'
import { ResourceError } from '../spec/errors.ts'
import { keepNewest } from '../spec/keep-newest.ts'
import { writeCacheFile } from '../system/atomic-file.ts'
import { readJsonFile } from '../system/json-file.ts'
import type { GgufMetadata } from './gguf-metadata.ts'
import { readGgufMetadata } from './read-gguf-metadata.ts'

/** Files remembered; the oldest is forgotten. */
const MAX_REMEMBERED_FILES = 2_000

/**
 * Remembers what the headers of model files say, by the file's identity: reading a vocabulary takes about 100 ms and
 * leaves its strings in memory for a while. Kept in a JSON file; a lost one costs time only.
 */
export class MetadataCache {
  readonly #path: string
  #known: Promise<Map<string, GgufMetadata>> | undefined
  /** What is wrong with files, until they change or we end: reading one again would cost a process each time. */
  readonly #failures = new Map<string, unknown>()
  /** Files that are being read: whoever asks meanwhile waits for the same process, or fifty requests would start fifty. */
  readonly #readings = new Map<string, Promise<GgufMetadata>>()

  constructor(path: string) {
    this.#path = path
  }

  /** Throws `model-file-missing` and `model-file-corrupt`. */
  async read(path: string): Promise<GgufMetadata> {
    this.#known ??= this.#load()
    const known = await this.#known
    const identity = await identityOf(path)
    const remembered = identity === undefined ? undefined : known.get(identity)
    if (remembered) return remembered
    if (identity !== undefined && this.#failures.has(identity)) throw this.#failures.get(identity)
    if (identity === undefined) return readGgufMetadata(path)
    const reading = this.#readings.get(identity) ?? this.#readOnce(path, identity, known)
    this.#readings.set(identity, reading)
    return reading
  }

  async #readOnce(path: string, identity: string, known: Map<string, GgufMetadata>): Promise<GgufMetadata> {
    try {
      const metadata = await readGgufMetadata(path)
      known.set(identity, metadata)
      keepNewest(known, MAX_REMEMBERED_FILES)
      await writeCacheFile(this.#path, JSON.stringify({ form: FORM, files: Object.fromEntries(known) }))
      return metadata
    } catch (error) {
      // One that took too long may be read in time when the machine is less busy.
      if (error instanceof ResourceError && !error.isRetryable) this.#failures.set(identity, error)
      keepNewest(this.#failures, MAX_REMEMBERED_FILES)
      throw error
    } finally {
      this.#readings.delete(identity)
    }
  }

  async #load(): Promise<Map<string, GgufMetadata>> {
    const json = (await readJsonFile(this.#path)) as
      | { form?: unknown; files?: Record<string, GgufMetadata> }
      | undefined
    return json?.form === FORM && json.files ? new Map(Object.entries(json.files)) : new Map()
  }
}

/** Changes with {@link GgufMetadata}: what another version wrote is read anew. */
const FORM = 6

async function identityOf(path: string): Promise<string | undefined> {
  try {
    const { dev, ino, size, mtimeNs } = await stat(path, { bigint: true })
    return [dev, ino, size, mtimeNs].join(':')
  } catch {
    // Reading it says why, in words for a person.
    return undefined
  }
}
