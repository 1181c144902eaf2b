import { closeSync, openSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { codeOf } from '../spec/error-code.ts'
import { toErrorData } from '../spec/errors.ts'
import type { CacheFault } from '../spec/state-cache.ts'
import type { CacheFolder } from './cache-folder.ts'
import { Catalog } from './catalog.ts'
import { type Entry, entryOf } from './entry.ts'
import { sumOf } from './place.ts'
import type { SecretKey } from './secret-key.ts'
import { Returns } from './returns.ts'
import { readTrailer } from './trailer.ts'
import { CorruptEntry, openVerified, type VerifiedFile } from './verified-file.ts'

/** Trailers read at the start before others get their turn. */
const TRAILERS_AT_ONCE = 100
/** Of files that are found damaged at once, so many are told one by one. */
const MOST_TOLD = 3

interface Damaged {
  readonly name: string
  readonly reason: string
  readonly modelId?: string
}

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
  /** No entries any more, but still on the disk: deleted while they are open, or what the disk would not let go. */
  readonly #lingering = new Set<Entry>()
  #setAsideBytes = 0

  constructor(folder: CacheFolder, key: SecretKey, tell: (fault: CacheFault) => void) {
    this.#folder = folder
    this.#key = key
    this.#tell = tell
  }

  get takenBytes(): number {
    return this.catalog.bytes + sumOf(this.#lingering) + this.#setAsideBytes
  }

  /** Of that, what was set aside. */
  get setAsideBytes(): number {
    return this.#setAsideBytes
  }

  /** Was a file of this name found damaged since we began? */
  isDamaged(id: string): boolean {
    return this.#damaged.has(id)
  }

  /** Fills the catalog from what the files say of themselves. */
  async read(nowMs: number): Promise<void> {
    const names = await this.#folder.entryNames()
    const wrong: Damaged[] = []
    for (const [index, name] of names.entries()) {
      const reason = this.#readOne(name, nowMs)
      if (reason !== undefined) wrong.push({ name, reason })
      if (index % TRAILERS_AT_ONCE === 0) await setImmediate()
    }
    if (wrong.length > 0) await this.#keepAside(wrong)
    this.#setAsideBytes = await this.#folder.setAsideBytes()
  }

  /** A new entry, whose file lies there. */
  keep(entry: Entry): void {
    this.#damaged.delete(entry.id)
    entry.returns = this.#returns.note(entry.owner)
    this.catalog.add(entry)
  }

  /**
   * Opens an entry's file, verified; to be given back with {@link close}. `undefined` = it is gone or cannot be read (told), or damaged: then it
   * is set aside and told.
   */
  async open(entry: Entry): Promise<VerifiedFile | undefined> {
    const opened = await this.#tryOpen(entry)
    return typeof opened === 'string' ? undefined : opened
  }

  /** Looks at all of an entry's file, like {@link open}. @returns what is wrong with it; `undefined` = nothing. */
  async check(entry: Entry): Promise<string | undefined> {
    entry.verifiedIdentity = undefined
    const opened = await this.#tryOpen(entry)
    if (typeof opened === 'string') return opened
    await this.close(entry, opened)
    return undefined
  }

  async close(entry: Entry, file: VerifiedFile): Promise<void> {
    await file.close()
    this.#release(entry)
  }

  isRead(entry: Entry): boolean {
    return this.#readers.has(entry)
  }

  async remove(entry: Entry): Promise<void> {
    await this.#folder.remove(entry.id)
    if (this.catalog.remove(entry) && this.#readers.has(entry)) this.#lingering.add(entry)
  }

  /** It is never offered again. */
  async setAside(entry: Entry, reason: string): Promise<void> {
    if (!this.catalog.remove(entry)) return
    const { id: name, modelId } = entry
    if (!(await this.#keepAside([{ name, reason, modelId }]))) this.#lingering.add(entry)
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

  /** The file, or what is wrong with it. */
  async #tryOpen(entry: Entry): Promise<VerifiedFile | string> {
    this.#readers.set(entry, (this.#readers.get(entry) ?? 0) + 1)
    try {
      return await openVerified(entry, this.#folder, this.#key)
    } catch (error) {
      this.#release(entry)
      if (!(error instanceof CorruptEntry)) return this.#lose(entry, error)
      await this.setAside(entry, error.message)
      return `${error.message}; it was set aside`
    }
  }

  /**
   * Damaged files are not used, whether the disk lets them be set aside or not. Many at once (another key, another form) are told in
   * one sentence.
   * @returns false: they still lie where they lay.
   */
  async #keepAside(damaged: readonly Damaged[]): Promise<boolean> {
    for (const { name } of damaged) this.#damaged.add(name)
    const failure = await this.#folder.setAside(damaged.map(({ name }) => name)).then(
      () => undefined,
      (error: unknown) => toErrorData(error).message,
    )
    if (failure === undefined) this.#setAsideBytes = await this.#folder.setAsideBytes()
    const ending = failure === undefined ? 'set aside' : `left where it is, as the disk says: ${failure}`
    for (const { name, reason, modelId } of damaged.slice(0, MOST_TOLD)) {
      const path = this.#folder.pathOf(name)
      const message = `${path} is not used, and was ${ending}: ${reason}. The conversation is read again from its text.`
      this.#tell({ path, message, isCorrupt: true, ...(modelId !== undefined && { modelId }) })
    }
    const more = damaged.length - MOST_TOLD
    if (more > 0) {
      const message = `${more} more files of ${this.#folder.path} are not used either; the last of all were set aside, the others deleted. After another key or another version of grym that is so once.`
      this.#tell({ message, isCorrupt: true })
    }
    return failure === undefined
  }

  /** Somebody deleted it, or the disk fails. @returns what is wrong. */
  #lose(entry: Entry, error: unknown): string {
    const isGone = codeOf(error) === 'ENOENT'
    if (isGone) this.catalog.remove(entry)
    const wrong = isGone ? 'it is gone' : `it cannot be read (${toErrorData(error).message})`
    const path = this.#folder.pathOf(entry.id)
    const message = `${path}: ${wrong}. The conversation is read again from its text.`
    this.#tell({ modelId: entry.modelId, path, message, isCorrupt: false })
    return wrong
  }

  #release(entry: Entry): void {
    const readers = (this.#readers.get(entry) ?? 1) - 1
    if (readers > 0) return void this.#readers.set(entry, readers)
    this.#readers.delete(entry)
    if (!this.#damaged.has(entry.id)) this.#lingering.delete(entry)
  }
}
