import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readdir, rename, rm, stat, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { codeOf } from '../spec/error-code.ts'
import { resourceError } from '../spec/errors.ts'
import { keepNewest } from '../spec/keep-newest.ts'
import { holdExclusively, isHeldElsewhere } from '../system/exclusive-lock.ts'
import { openDatabase } from '../system/sqlite.ts'
import { entryName, isEntryName } from './entry-name.ts'

/** What tells that a folder is grym's own, and that it may delete what lies there. */
const MARK = 'GRYM-KV-CACHE'
const MARK_TEXT = 'States of models, kept by grym. It deletes files of this folder; put nothing else here.\n'
const LOCK = 'in-use.lock'
const TEMPORARY = '.tmp'
const CORRUPT = '.corrupt'
/** What was set aside is kept for whoever wants to know, so many at most. */
const MOST_SET_ASIDE = 3
/** Names remembered: two entries would have to be made in the same millisecond to get the same one. */
const MOST_GIVEN = 1_000

/** The one folder of the cache. Nothing outside is touched, and nothing in a folder that does not carry the mark. */
export class CacheFolder {
  readonly path: string
  /** Of entries that may be gone by now: who remembers one by its name must not meet another one there. */
  readonly #given = new Map<string, true>()
  #lock: DatabaseSync
  #retaking: Promise<void> | undefined

  private constructor(path: string, lock: DatabaseSync) {
    this.path = path
    this.#lock = lock
  }

  /**
   * Makes it where it is not there, and takes it for this process. Leftovers of a process that was killed are removed. Throws
   * `cache-operation-failed` where it holds something else or another process uses it, else the file system's error.
   */
  static async take(path: string): Promise<CacheFolder> {
    await mkdir(path, { recursive: true, mode: 0o700 })
    const names = await readdir(path)
    if (!names.includes(MARK)) {
      if (names.length > 0) throw notOurs(path)
      await mark(path)
    }
    const lock = await takeLock(join(path, LOCK), path)
    for (const name of names) if (name.endsWith(TEMPORARY)) await rm(join(path, name), { force: true })
    return new CacheFolder(path, lock)
  }

  async entryNames(): Promise<string[]> {
    return (await readdir(this.path)).filter(isEntryName)
  }

  pathOf(name: string): string {
    return join(this.path, name)
  }

  /** An empty file for a state on its way, mode 0600. Where somebody has deleted the folder it is made anew. */
  async makeTemporary(): Promise<string> {
    try {
      return await this.#makeTemporary()
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
      this.#retaking ??= this.#retake().finally(() => (this.#retaking = undefined))
      await this.#retaking
      return this.#makeTemporary()
    }
  }

  async #makeTemporary(): Promise<string> {
    const path = join(this.path, `${randomBytes(8).toString('hex')}${TEMPORARY}`)
    await (await open(path, 'wx', 0o600)).close()
    return path
  }

  /**
   * Gives a temporary file its name, in one step; two of the same millisecond get different ones.
   *
   * @param isTaken is an entry of this name known? Its file may be gone, and whoever removes the entry removes what has its name.
   */
  async adopt(
    temporary: string,
    modelId: string,
    epochMs: number,
    isTaken: (name: string) => boolean,
  ): Promise<string> {
    for (let atMs = epochMs; ; atMs++) {
      const name = entryName(modelId, atMs)
      if (this.#given.has(name) || isTaken(name)) continue
      this.#given.set(name, true)
      keepNewest(this.#given, MOST_GIVEN)
      if (await tookName(temporary, this.pathOf(name))) {
        await this.#flush()
        return name
      }
    }
  }

  /** Deletes an entry's file; one that is gone already is no failure. */
  async remove(name: string): Promise<void> {
    await rm(this.pathOf(name), { force: true })
  }

  /** Keeps damaged files under another name, and the newest of these only. */
  async setAside(names: readonly string[]): Promise<void> {
    for (const name of names.slice(0, -MOST_SET_ASIDE)) await this.remove(name)
    for (const name of names.slice(-MOST_SET_ASIDE)) {
      await rename(this.pathOf(name), this.pathOf(name + CORRUPT)).catch(ignoreMissing)
    }
    const aside = await this.#setAsideFiles()
    for (const { path } of aside.slice(0, -MOST_SET_ASIDE)) await rm(path, { force: true })
  }

  /** What damaged files take. */
  async setAsideBytes(): Promise<number> {
    return (await this.#setAsideFiles()).reduce((sumBytes, { bytes }) => sumBytes + bytes, 0)
  }

  async removeSetAside(): Promise<void> {
    for (const { path } of await this.#setAsideFiles()) await rm(path, { force: true })
  }

  release(): void {
    this.#lock.close()
  }

  async #retake(): Promise<void> {
    const isMade = (await mkdir(this.path, { recursive: true, mode: 0o700 })) !== undefined
    // It was not there a moment ago: what others of this process put there meanwhile is ours.
    if (isMade) await mark(this.path)
    else if (!(await readdir(this.path)).includes(MARK)) throw notOurs(this.path)
    const lock = await takeLock(join(this.path, LOCK), this.path)
    this.#lock.close()
    this.#lock = lock
  }

  /** Oldest first. */
  async #setAsideFiles(): Promise<{ path: string; bytes: number; atMs: number }[]> {
    const names = (await readdir(this.path)).filter((name) => name.endsWith(CORRUPT))
    const files = names.map(async (name) => {
      const path = this.pathOf(name)
      const { size, ctimeMs } = await stat(path)
      return { path, bytes: size, atMs: ctimeMs }
    })
    return (await Promise.all(files)).toSorted((a, b) => a.atMs - b.atMs)
  }

  /** A name survives a power cut once its folder is flushed. */
  async #flush(): Promise<void> {
    const folder = await open(this.path)
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  }
}

/** False where the name is taken: a rename would replace what has it. */
async function tookName(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    await unlink(from)
    return true
  } catch (error) {
    const code = codeOf(error)
    if (code === 'EEXIST') return false
    // A file system without links: nobody else makes files here while the folder is ours.
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS') throw error
    const isTaken = await stat(to).then(
      () => true,
      (missing: unknown) => ignoreMissing(missing) ?? false,
    )
    if (isTaken) return false
    await rename(from, to)
    return true
  }
}

async function takeLock(path: string, folder: string): Promise<DatabaseSync> {
  // SQLite would make it readable for others.
  await (await open(path, 'a', 0o600)).close()
  const database = await openDatabase(path)
  try {
    holdExclusively(database)
    return database
  } catch (error) {
    database.close()
    throw isHeldElsewhere(error)
      ? refused(
          `Another process uses ${folder}, and states are kept by one at a time. Stop that one, or set kvcache.folder to another folder.`,
        )
      : error
  }
}

async function mark(path: string): Promise<void> {
  await writeFile(join(path, MARK), MARK_TEXT, { mode: 0o600 })
}

function notOurs(path: string): Error {
  return refused(`${path} is no folder of grym's KV cache and is not empty. Set kvcache.folder to another one.`)
}

function refused(message: string): Error {
  return resourceError('cache-operation-failed', message)
}

function ignoreMissing(error: unknown): void {
  if (codeOf(error) !== 'ENOENT') throw error
}
