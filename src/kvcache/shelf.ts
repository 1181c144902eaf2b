import { closeSync, openSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { codeOf } from '../spec/error-code.ts'
import { toErrorData } from '../spec/errors.ts'
import type { CacheFault } from '../spec/state-cache.ts'
import type { CacheFolder } from './cache-folder.ts'
import { Catalog } from './catalog.ts'
import { type Entry, entryOf } from './entry.ts'
import type { SecretKey } from './secret-key.ts'
import { Returns } from './returns.ts'
import { readTrailer } from './trailer.ts'
import { CorruptEntry, openVerified, type VerifiedFile } from './verified-file.ts'

/** Trailers read at the start before others get their turn. */
const TRAILERS_AT_ONCE = 100

/**
 * The entries and their files: what the catalog names lies on the disk, and what takes room there is counted, also what was
 * deleted under a reader and what was set aside.
 */
export class Shelf {
  readonly catalog: Catalog = new Catalog()
  readonly #folder: CacheFolder
  readonly #key: SecretKey
  readonly #tell: (fault: CacheFault) => void
  readonly #readers = new Map<Entry, number>()
  readonly #damaged = new Set<string>()
  readonly #returns = new Returns()
  /** Deleted, but still open: their bytes are free only then. */
  #lingeringBytes = 0
  #setAsideBytes = 0

  constructor(folder: CacheFolder, key: SecretKey, tell: (fault: CacheFault) => void) {
    this.#folder = folder
    this.#key = key
    this.#tell = tell
  }

  get takenBytes(): number {
    return this.catalog.bytes + this.#lingeringBytes + this.#setAsideBytes
  }

  /** Was a file of this name found damaged since we began? */
  isDamaged(id: string): boolean {
    return this.#damaged.has(id)
  }

  /** Fills the catalog from what the files say of themselves. */
  async read(nowMs: number): Promise<void> {
    const names = await this.#folder.entryNames()
    for (const [index, name] of names.entries()) {
      const wrong = this.#readOne(name, nowMs)
      if (wrong !== undefined) await this.#keepAside(name, wrong)
      if (index % TRAILERS_AT_ONCE === 0) await setImmediate()
    }
    this.#setAsideBytes = await this.#folder.setAsideBytes()
  }

  /** A new entry, whose file lies there. */
  keep(entry: Entry): void {
    entry.returns = this.#returns.note(entry.owner)
    this.catalog.add(entry)
  }

  /**
   * Opens an entry's file, verified; to be given back with {@link close}. `undefined` = it is gone or cannot be read (told), or damaged: then it
   * is set aside and told.
   */
  async open(entry: Entry): Promise<VerifiedFile | undefined> {
    this.#readers.set(entry, (this.#readers.get(entry) ?? 0) + 1)
    try {
      return await openVerified(entry, this.#folder, this.#key)
    } catch (error) {
      await this.#release(entry)
      if (error instanceof CorruptEntry) await this.setAside(entry, error.message)
      else await this.#lose(entry, error)
      return undefined
    }
  }

  async close(entry: Entry, file: VerifiedFile): Promise<void> {
    await file.close()
    await this.#release(entry)
  }

  isRead(entry: Entry): boolean {
    return this.#readers.has(entry)
  }

  async remove(entry: Entry): Promise<void> {
    await this.#folder.remove(entry.id)
    if (this.catalog.remove(entry) && this.#readers.has(entry)) this.#lingeringBytes += entry.bytes
  }

  /** It is never offered again. */
  async setAside(entry: Entry, reason: string): Promise<void> {
    if (!this.catalog.remove(entry)) return
    await this.#keepAside(entry.id, reason, entry.modelId)
  }

  async forgetSetAside(): Promise<void> {
    await this.#folder.removeSetAside()
    this.#setAsideBytes = await this.#folder.setAsideBytes()
  }

  /**
   * In one piece: of ten thousand files the waiting for each step of each would take most of the time.
   * @returns what is wrong with it.
   */
  #readOne(name: string, nowMs: number): string | undefined {
    try {
      const fd = openSync(this.#folder.pathOf(name), 'r')
      try {
        this.catalog.add(entryOf(name, readTrailer(fd, this.#key), nowMs))
      } finally {
        closeSync(fd)
      }
      return undefined
    } catch (error) {
      const { message } = toErrorData(error)
      if (codeOf(error) === undefined) return message
      this.#tell({ path: this.#folder.pathOf(name), message, isCorrupt: false })
      return undefined
    }
  }

  async #keepAside(name: string, reason: string, modelId?: string): Promise<void> {
    this.#damaged.add(name)
    await this.#folder.setAside(name)
    this.#setAsideBytes = await this.#folder.setAsideBytes()
    const path = this.#folder.pathOf(name)
    const message = `${path} is not used, and was set aside: ${reason}. The conversation is read again from its text.`
    this.#tell({ path, message, isCorrupt: true, ...(modelId !== undefined && { modelId }) })
  }

  /** Somebody deleted it, or the disk fails. */
  async #lose(entry: Entry, error: unknown): Promise<void> {
    const isGone = codeOf(error) === 'ENOENT'
    if (isGone) this.catalog.remove(entry)
    const why = error instanceof Error ? error.message : String(error)
    const path = this.#folder.pathOf(entry.id)
    const message = `${path} ${isGone ? 'is gone' : `cannot be read (${why})`}. The conversation is read again from its text.`
    this.#tell({ modelId: entry.modelId, path, message, isCorrupt: false })
  }

  async #release(entry: Entry): Promise<void> {
    const readers = (this.#readers.get(entry) ?? 1) - 1
    if (readers > 0) return void this.#readers.set(entry, readers)
    this.#readers.delete(entry)
    if (this.catalog.get(entry.id) !== entry && !this.#damaged.has(entry.id)) {
      this.#lingeringBytes = Math.max(0, this.#lingeringBytes - entry.bytes)
    }
  }
}
