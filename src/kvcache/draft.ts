import { type FileHandle, open, rm } from 'node:fs/promises'
import { resourceError } from '../spec/errors.ts'
import type { NewState, SavedState, StateCacheSettings, StateDraft } from '../spec/state-cache.ts'
import { asCacheFailure } from './cache-failure.ts'
import type { CacheFolder } from './cache-folder.ts'
import { chunkHashes, writeExactly } from './chunk-hashes.ts'
import { type Entry, entryOf } from './entry.ts'
import { chooseForm, encodePayload } from './payload-codec.ts'
import type { SecretKey } from './secret-key.ts'
import type { OnSaveStep } from './save-step.ts'
import { keyDigest } from './state-digest.ts'
import { blockHashes } from './token-blocks.ts'
import { type EntryHeader, type PayloadForm, trailerBytes } from './trailer.ts'
import { identityOf } from './verified-file.ts'

export type EntryTraits = Pick<EntryHeader, 'priority' | 'ttlMs' | 'metadata'>

export interface DraftOptions {
  readonly state: Pick<NewState, 'key' | 'owner' | 'modelId' | 'canBeCut'>
  readonly traits: EntryTraits
  /** An empty file for what the engine writes. */
  readonly path: string
  readonly folder: CacheFolder
  readonly key: SecretKey
  readonly settings: StateCacheSettings
  readonly nowMs: () => number
  readonly onStep: OnSaveStep
  /** May an entry of this size be kept? Makes room. */
  readonly fits: (bytes: number) => Promise<boolean>
  /** Has an entry this name? */
  readonly isTaken: (name: string) => boolean
  readonly onCommitted: (entry: Entry) => Promise<SavedState>
  /** It did not become an entry, for a person. */
  readonly onFailed: (message: string) => void
  /** It takes no place any more, or an entry's. */
  readonly onOver: () => void
}

/** A state on its way to the disk. Until its name is given in one step nothing of it is an entry. */
export class Draft implements StateDraft {
  readonly path: string
  readonly #options: DraftOptions
  #isOver = false

  constructor(options: DraftOptions) {
    this.#options = options
    this.path = options.path
  }

  async commit(tokens: Uint32Array): Promise<SavedState> {
    const { folder, onCommitted, onFailed } = this.#options
    if (this.#isOver) throw resourceError('cache-operation-failed', 'This state was committed or abandoned already.')
    try {
      const entry = await this.#seal(tokens)
      this.#over()
      return await onCommitted(entry)
    } catch (error) {
      await this.abandon()
      const message = `A state could not be kept: ${asCacheFailure(error, folder.path).message}`
      onFailed(message)
      throw resourceError('cache-operation-failed', message, { cause: error })
    }
  }

  async abandon(): Promise<void> {
    await rm(this.path, { force: true })
    this.#over()
  }

  /** Hashes, seals and names it. The payload as the engine wrote it stays where it is, unless it has to lie there in another form. */
  async #seal(tokens: Uint32Array): Promise<Entry> {
    const { folder, settings, onStep } = this.#options
    onStep('hash')
    let path = this.path
    let file = await open(path, 'r+')
    try {
      const { size: plainBytes } = await file.stat()
      const form = await chooseForm(file, plainBytes, settings)
      if (form) {
        path = await folder.makeTemporary()
        const packed = await open(path, 'r+')
        try {
          await encodePayload(file, packed, form, this.#options.key)
        } finally {
          await file.close()
          file = packed
        }
        await rm(this.path, { force: true })
      }
      return await this.#name(file, path, tokens, form ?? { plainBytes })
    } finally {
      await file.close()
      if (path !== this.path) await rm(path, { force: true })
    }
  }

  async #name(file: FileHandle, path: string, tokens: Uint32Array, form: PayloadForm): Promise<Entry> {
    const { state, traits, folder, key, nowMs, fits, onStep } = this.#options
    const { modelId, owner, canBeCut } = state
    const { size: payloadBytes } = await file.stat()
    const createdAtMs = nowMs()
    const header = {
      ...{ modelId, key: state.key, keyDigest: keyDigest(state.key), owner, createdAtMs, canBeCut, ...traits, form },
      blocks: await blockHashes(tokens),
      chunkHashes: await chunkHashes(file, payloadBytes),
    }
    const { bytes: trailer, mac } = await trailerBytes(header, tokens, payloadBytes, key)
    const bytes = payloadBytes + trailer.length
    if (!(await fits(bytes))) throw new Error(`it takes ${bytes} bytes, and the cache has no room for it`)
    onStep('seal')
    await writeExactly(file, trailer, payloadBytes)
    onStep('flush')
    await file.sync()
    onStep('name')
    const name = await folder.adopt(path, modelId, Math.floor(createdAtMs), this.#options.isTaken)
    try {
      onStep('named')
      const entry = entryOf(name, { header, tokens: tokens.length, mac, bytes }, createdAtMs)
      // Just hashed, and nobody else knows its name.
      entry.verifiedIdentity = await identityOf(file)
      return entry
    } catch (error) {
      await folder.remove(name)
      throw error
    }
  }

  #over(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#options.onOver()
  }
}
