import { randomUUID } from 'node:crypto'
import { lstat, rm, stat, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf } from '../../spec/error-code.ts'
import { resourceError } from '../../spec/errors.ts'
import { tokensOfStateFile } from '../llama-cpp-state-file.ts'
import type { EngineHttp } from '../openai/engine-http.ts'
import { asCount, asRecord } from '../../spec/json-narrowing.ts'

/** How long one of these calls may take, waiting for the slot among it, ms; 132 MB took 47 to 340 ms (measured). */
const DEADLINE_MS = 60_000
/** More than any window holds: what says more is no such file. */
const MOST_NUMBERS = 16_777_216
/** Before its tokens a newer llama-server puts this mark, a version and how many they are. */
const ENVELOPE_MARK = 0xffff_ffff
const ENVELOPE_VERSION = 1

export interface SlotFilesOptions {
  readonly http: EngineHttp
  /** Without the version. */
  readonly rootUrl: string
  /** What the server was given as `--slot-save-path`. */
  readonly folder: string
}

export interface SavedSlot {
  /** All that the slot holds, as the file has them. */
  readonly tokens: Uint32Array
  readonly writtenBytes: number
}

/**
 * llama-server's `POST /slots/{id}?action=…` (b11434). It takes names inside its one folder only, so for the moment of the call a
 * link of a name made up for it leads to where the state really lies; it follows links for both (tried, to `/proc/…/fd/…` also).
 * All of them reject with a `ResourceError`.
 */
export class SlotFiles {
  readonly #options: SlotFilesOptions

  constructor(options: SlotFilesOptions) {
    this.#options = options
  }

  /** Writes what the slot holds into this file; waits while it serves. */
  async save(slotId: number, path: string): Promise<SavedSlot> {
    const reply = await this.#named(path, (filename, link) => this.#act(slotId, 'save', { filename }, link))
    const savedTokens = asCount(reply?.['n_saved'])
    const writtenBytes = asCount(reply?.['n_written'])
    if (savedTokens === undefined || writtenBytes === undefined) throw strange('said nothing of what it saved')
    // It does not look whether its last bytes reached the disk, and ends where it is given a file that was cut.
    if ((await stat(path)).size < writtenBytes) throw strange('could not write all of its file')
    const tokens = await tokensIn(path)
    if (tokens?.length !== savedTokens) throw strange('wrote a state in a form that is not known')
    return { tokens, writtenBytes }
  }

  /** Returns how many tokens the slot holds now by the server's word. What it held before is gone, also where this rejects. */
  async restore(slotId: number, path: string): Promise<number> {
    const reply = await this.#named(path, (filename) => this.#act(slotId, 'restore', { filename }))
    return asCount(reply?.['n_restored']) ?? 0
  }

  async erase(slotId: number): Promise<void> {
    await this.#act(slotId, 'erase', {})
  }

  async #named<Reply>(path: string, work: (filename: string, link: string) => Promise<Reply>): Promise<Reply> {
    const filename = `${randomUUID()}.bin`
    const link = join(this.#options.folder, filename)
    try {
      await symlink(path, link)
    } catch (cause) {
      throw resourceError('engine-error', `No link could be made in ${this.#options.folder}.`, { cause })
    }
    try {
      return await work(filename, link)
    } finally {
      await rm(link, { force: true })
    }
  }

  /** @param link has to be one still afterwards: a file in its place would lie outside of where states belong. */
  async #act(
    slotId: number,
    action: string,
    body: object,
    link?: string,
  ): Promise<Record<string, unknown> | undefined> {
    const { http, rootUrl } = this.#options
    const url = `${rootUrl}/slots/${slotId}?action=${action}`
    const signal = AbortSignal.timeout(DEADLINE_MS)
    const reply = asRecord(await http.json({ url, body, signal, maxTries: 1 }))
    if (link !== undefined && !(await lstat(link)).isSymbolicLink()) throw strange('put a file in the place of a link')
    return reply
  }
}

/** The tokens of a state that llama-server has written; `undefined` = it begins in another way. */
async function tokensIn(path: string): Promise<Uint32Array | undefined> {
  const numbers = await tokensOfStateFile(path, MOST_NUMBERS).catch((error: unknown) => {
    if (codeOf(error) !== undefined) throw error
    return undefined
  })
  const [mark, version, tokens = 0] = numbers ?? []
  if (mark !== ENVELOPE_MARK) return numbers
  return version === ENVELOPE_VERSION ? numbers?.slice(3, 3 + tokens) : undefined
}

function strange(what: string): Error {
  return resourceError('engine-error', `llama-server ${what}; the state is not kept.`)
}
