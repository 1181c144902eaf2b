import { join } from 'node:path'
import type { RemovedStates } from '../spec/cache-service.ts'
import type { Clock } from '../spec/clock.ts'
import { commonLength } from '../spec/common-length.ts'
import { toErrorData } from '../spec/errors.ts'
import type { ModelId } from '../spec/model.ts'
import { LOCAL_OWNER } from '../spec/owner-id.ts'
import type {
  CachedModel,
  CacheEntry,
  CacheFault,
  CacheReport,
  ModelToCache,
  NewState,
  NoDraft,
  OpenState,
  SavedState,
  StateCacheKeeper,
  StateCacheSettings,
  StateDraft,
  StateKey,
  StateQuery,
  VerifyReport,
} from '../spec/state-cache.ts'
import { asDiskFull } from '../system/atomic-file.ts'
import { asCacheFailure } from './cache-failure.ts'
import { CacheFaults } from './cache-faults.ts'
import { CacheFolder } from './cache-folder.ts'
import { CacheNotes, type NotedBefore, noteUses, readNotes, usesOf } from './cache-notes.ts'
import { CachedModels } from './cached-models.ts'
import { Draft, type DraftOptions, type EntryTraits } from './draft.ts'
import { type Entry, expiresAtMs, listed } from './entry.ts'
import { chooseVictims } from './replacement.ts'
import { type Place, sumOf } from './place.ts'
import { keepsToBudget, refusalOf } from './refusal.ts'
import type { OnSaveStep } from './save-step.ts'
import { SecretKey } from './secret-key.ts'
import { Shelf } from './shelf.ts'
import { keyDigest } from './state-digest.ts'
import type { VerifiedFile } from './verified-file.ts'
import { WriteBudget } from './write-budget.ts'

export interface KvCacheOptions {
  readonly clock: Clock
  /** Absolute; made where it is not there. */
  readonly folder: string
  /** File of the secret that entries are sealed with; made on first use, mode 0600. */
  readonly keyPath: string
  readonly settings: () => StateCacheSettings
  /** Told of each step of a save. Default: nobody. */
  readonly onStep?: OnSaveStep
}

const NOTES = 'notes.json'
/** Candidates that are looked at for one prompt, when those before turn out damaged or gone. */
const MOST_TRIES = 4

/**
 * KV states on disk. The catalog is in memory and is made from the entries' own trailers; every file is verified before an
 * engine sees it; caps hold at every moment, for what is on its way too.
 */
export class KvCache implements StateCacheKeeper {
  readonly #options: KvCacheOptions
  readonly #folder: CacheFolder
  readonly #key: SecretKey
  readonly #shelf: Shelf
  readonly #budget: WriteBudget
  readonly #faults = new CacheFaults()
  /** Promised to drafts. */
  readonly #reserved = new Set<Place>()
  readonly #notes: CacheNotes
  readonly #models: CachedModels
  #turn: Promise<unknown> = Promise.resolve()

  private constructor(options: KvCacheOptions, folder: CacheFolder, key: SecretKey, noted: NotedBefore) {
    this.#options = options
    this.#folder = folder
    this.#key = key
    this.#shelf = new Shelf(folder, key, (fault) => this.#faults.tell(fault))
    this.#budget = new WriteBudget(noted.written)
    this.#notes = new CacheNotes({
      path: join(options.folder, NOTES),
      clock: options.clock,
      uses: () => usesOf(this.#shelf.catalog.values()),
      written: () => this.#budget.written,
      onFault: (error) => this.#faults.tell({ message: toErrorData(error).message, isCorrupt: false }),
      before: noted,
    })
    this.#models = new CachedModels({
      ...{ clock: options.clock, shelf: this.#shelf, notes: this.#notes },
      saveWithoutState: (model) => this.#saveWithoutState(model),
    })
  }

  /** Throws `cache-operation-failed` where the folder is not the cache's own or in use, `disk-full`, or the disk's own error. */
  static async open(options: KvCacheOptions): Promise<KvCache> {
    let folder: CacheFolder | undefined
    try {
      folder = await CacheFolder.take(options.folder)
      const noted = await readNotes(join(options.folder, NOTES))
      const cache = new KvCache(options, folder, await SecretKey.at(options.keyPath), noted)
      await cache.#shelf.read(cache.#nowMs)
      noteUses(cache.#shelf.catalog.values(), noted, cache.#nowMs)
      return cache
    } catch (error) {
      folder?.release()
      throw asDiskFull(error, options.folder)
    }
  }

  async find(query: StateQuery): Promise<OpenState | undefined> {
    if (!this.#settings.isEnabled) return undefined
    const alike = await this.#shelf.catalog.candidates({ ...query, keyDigest: keyDigest(query.key) })
    const candidates = alike.filter((entry) => !this.#isExpired(entry))
    for (const entry of candidates.slice(0, MOST_TRIES)) {
      const file = await this.#shelf.open(entry)
      if (!file) continue
      const commonTokens = commonLength(file.tokens, query.tokens)
      const isEnough =
        commonTokens > query.moreThanTokens && (!query.mustBeWhole || commonTokens === file.tokens.length)
      if (isEnough) return this.#handOut(entry, file, commonTokens)
      await this.#shelf.close(entry, file)
    }
    return undefined
  }

  async open(entryId: string, key: StateKey): Promise<OpenState | undefined> {
    const entry = this.#shelf.catalog.get(entryId)
    const isOurs = this.#settings.isEnabled && entry?.keyDigest === keyDigest(key)
    if (!entry || !isOurs || this.#isExpired(entry) || entry.tokens === 0) return undefined
    const file = await this.#shelf.open(entry)
    return file && this.#handOut(entry, file, file.tokens.length)
  }

  has(entryId: string): boolean {
    const entry = this.#shelf.catalog.get(entryId)
    return entry !== undefined && !this.#isExpired(entry)
  }

  async begin(state: NewState): Promise<StateDraft | NoDraft> {
    const refusal = this.#refusal(state)
    if (refusal?.refused === 'too-large') this.#tellNotKept(state, refusal.message)
    if (refusal) return refusal
    try {
      const place = { bytes: state.expectedBytes, isBound: keepsToBudget(state) }
      return await this.#draft(state, { priority: 'normal', ttlMs: null }, place)
    } catch (error) {
      const { message } = asCacheFailure(error, this.#folder.path)
      this.#tellNotKept(state, message)
      return { refused: 'disk', message }
    }
  }

  cacheModel(model: ModelToCache): Promise<CachedModel> {
    return this.#models.add(model)
  }

  cachedModel(modelId: ModelId): Promise<CachedModel | 'expired' | 'corrupt' | undefined> {
    return this.#models.get(modelId)
  }

  renewCachedModel(modelId: ModelId, wish: Pick<ModelToCache, 'ttlMs' | 'priority'>): Promise<void> {
    return this.#models.renew(modelId, wish)
  }

  forgetCachedModel(modelId: ModelId): Promise<void> {
    return this.#models.forget(modelId)
  }

  async forgetConversations(conversationIds: readonly string[]): Promise<void> {
    const gone = new Set<string | undefined>(conversationIds)
    await this.#removeAll(this.#shelf.catalog.filter(({ owner }) => gone.has(owner.conversationId)))
    // What was set aside may be of any of them.
    if (gone.size > 0) await this.#shelf.forgetSetAside()
  }

  list(): readonly CacheEntry[] {
    return [...this.#shelf.catalog.values()]
      .map((entry) => listed(entry, this.#folder.pathOf(entry.id), this.#settings.ttlMs))
      .sort((a, b) => b.lastUsedAtMs - a.lastUsedAtMs)
  }

  report(): CacheReport {
    const { isEnabled, maxBytes, maxEntries, writeBudgetBytesPerHour } = this.#settings
    return {
      ...{ folder: this.#folder.path, isEnabled, maxBytes, maxEntries, writeBudgetBytesPerHour },
      entries: this.#shelf.catalog.size,
      bytes: this.#shelf.takenBytes,
      writtenLastHourBytes: this.#budget.lastHourBytes(this.#nowMs),
      totals: this.#notes.totals,
    }
  }

  async prune(): Promise<RemovedStates> {
    const expired = await this.#removeAll(this.#shelf.catalog.filter((entry) => this.#isExpired(entry)))
    const over = await this.#makeRoom()
    return { removed: expired.removed + over.removed, bytes: expired.bytes + over.bytes }
  }

  async verify(): Promise<VerifyReport> {
    const corrupt: { path: string; reason: string }[] = []
    let verified = 0
    for (const entry of [...this.#shelf.catalog.values()]) {
      const reason = await this.#shelf.check(entry)
      if (reason === undefined) verified += 1
      else corrupt.push({ path: this.#folder.pathOf(entry.id), reason })
    }
    return { verified, corrupt }
  }

  async clear(modelId?: ModelId): Promise<RemovedStates> {
    const removed = await this.#removeAll(
      this.#shelf.catalog.filter((entry) => modelId === undefined || entry.modelId === modelId),
    )
    if (modelId === undefined) await this.#shelf.forgetSetAside()
    await this.#models.clear(modelId)
    return removed
  }

  onFault(listener: (fault: CacheFault) => void): void {
    this.#faults.onFault(listener)
  }

  async close(): Promise<void> {
    try {
      await this.#notes.write()
    } finally {
      this.#folder.release()
    }
  }

  #tellNotKept({ modelId }: NewState, why: string): void {
    this.#faults.tell({ modelId, message: `A state could not be kept: ${why}`, isCorrupt: false })
  }

  get #onStep(): OnSaveStep {
    return this.#options.onStep ?? ((): void => {})
  }

  get #settings(): StateCacheSettings {
    return this.#options.settings()
  }

  get #nowMs(): number {
    return this.#options.clock.nowMs()
  }

  #refusal(state: NewState): NoDraft | undefined {
    const settings = this.#settings
    const promisedBytes = sumOf([...this.#reserved].filter(({ isBound }) => isBound))
    const isWithinBudget = (bytes: number): boolean =>
      this.#budget.allows(bytes, promisedBytes, settings.writeBudgetBytesPerHour, this.#nowMs)
    return refusalOf(state, settings, isWithinBudget)
  }

  /** Its bytes are counted from now on. Rejects where there is no room, or the disk takes nothing. */
  async #draft(state: DraftOptions['state'], traits: EntryTraits, place: Place): Promise<Draft> {
    const takes = (bytes: number): Promise<boolean> => this.#inTurn(() => this.#take(place, bytes))
    if (!(await takes(place.bytes))) throw new Error('what lies in the cache is in use, and there is no room beside it')
    const onOver = (): void => void this.#reserved.delete(place)
    try {
      this.#onStep('make')
      return new Draft({
        ...{ state, traits, folder: this.#folder, key: this.#key, settings: this.#settings },
        path: await this.#folder.makeTemporary(),
        nowMs: () => this.#nowMs,
        onStep: this.#onStep,
        isTaken: (name) => this.#shelf.catalog.get(name) !== undefined,
        fits: takes,
        onCommitted: (entry) => this.#keep(entry),
        onFailed: (message) => this.#faults.tell({ modelId: state.modelId, message, isCorrupt: false }),
        onOver,
      })
    } catch (error) {
      onOver()
      throw error
    }
  }

  /** So many bytes are promised to this place, and entries make way for it; where that is not enough it has none. */
  async #take(place: Place, bytes: number): Promise<boolean> {
    place.bytes = bytes
    this.#reserved.add(place)
    let fits = false
    try {
      await this.#makeRoom()
      const over = this.#over()
      fits = over.bytes <= 0 && over.entries <= 0
      return fits
    } finally {
      // Where the disk lets nothing go, nothing is promised either.
      if (!fits) this.#reserved.delete(place)
    }
  }

  /** One after the other: of two that want the last room one gets it, not neither. */
  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.#turn.then(work)
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  async #keep(entry: Entry): Promise<SavedState> {
    const { id, modelId, tokens, bytes } = entry
    this.#shelf.keep(entry)
    this.#budget.note(bytes, this.#nowMs)
    this.#notes.add({ savedStates: tokens > 0 ? 1 : 0, writtenBytes: bytes })
    if (entry.canBeCut && tokens > 0) await this.#supersede(entry)
    return { entryId: id, modelId, path: this.#folder.pathOf(id), tokens, bytes }
  }

  /** Beginnings that cannot be deleted stay as they are, and are told. */
  async #supersede(entry: Entry): Promise<void> {
    try {
      this.#onStep('supersede')
      for (const beginning of this.#shelf.catalog.beginningsOf(entry)) await this.#shelf.remove(beginning)
    } catch (error) {
      this.#faults.tell({ modelId: entry.modelId, message: toErrorData(error).message, isCorrupt: false })
    }
  }

  /** For a model whose engine has no state to give: a file with what is known of it and no payload. */
  async #saveWithoutState({ modelId, priority = 'normal', ttlMs = null, metadata }: ModelToCache): Promise<SavedState> {
    const state = { key: { model: modelId }, owner: { owner: LOCAL_OWNER }, modelId, canBeCut: true }
    try {
      const draft = await this.#draft(state, { priority, ttlMs, metadata }, { bytes: 0, isBound: false })
      return await draft.commit(new Uint32Array())
    } catch (error) {
      throw asCacheFailure(error, this.#folder.path)
    }
  }

  #handOut(entry: Entry, file: VerifiedFile, commonTokens: number): OpenState {
    let isOpen = true
    const close = async (): Promise<void> => {
      if (!isOpen) return
      isOpen = false
      await this.#shelf.close(entry, file)
    }
    return {
      ...{ entryId: entry.id, path: file.path, tokens: file.tokens, commonTokens, payloadBytes: file.plainBytes },
      noteRestored: ({ tokens, savedMs }) => {
        entry.lastUsedAtMs = this.#nowMs
        entry.restores += 1
        this.#notes.add({ restores: 1, restoredTokens: tokens, savedMs: savedMs ?? 0 })
      },
      reject: async (reason) => {
        await close()
        this.#notes.add({ rejected: 1 })
        await this.#shelf.setAside(entry, reason)
      },
      [Symbol.asyncDispose]: close,
    }
  }

  #isExpired(entry: Entry): boolean {
    const atMs = expiresAtMs(entry, this.#settings.ttlMs)
    return atMs !== null && atMs <= this.#nowMs
  }

  /** By how much what lies there and what is promised is over the caps. */
  #over(): { bytes: number; entries: number } {
    const { maxBytes, maxEntries } = this.#settings
    return {
      bytes: this.#shelf.takenBytes + sumOf(this.#reserved) - maxBytes,
      entries: this.#shelf.catalog.size + this.#reserved.size - maxEntries,
    }
  }

  async #makeRoom(): Promise<RemovedStates> {
    // What was set aside is of use to nobody but whoever wonders about it.
    if (this.#over().bytes > 0 && this.#shelf.setAsideBytes > 0) await this.#shelf.forgetSetAside()
    const idle = this.#shelf.catalog.filter((entry) => !this.#shelf.isRead(entry))
    return this.#removeAll(chooseVictims(idle, this.#over(), this.#nowMs))
  }

  async #removeAll(meant: readonly Entry[]): Promise<RemovedStates> {
    for (const entry of meant) await this.#shelf.remove(entry)
    if (meant.length > 0) this.#notes.writeLater()
    return { removed: meant.length, bytes: sumOf(meant) }
  }
}
