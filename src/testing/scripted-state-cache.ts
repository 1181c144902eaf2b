import type {
  CachedModel,
  CacheEntry,
  CacheFault,
  CacheReport,
  ModelToCache,
  NoDraft,
  OpenState,
  StateCacheKeeper,
  StateDraft,
  VerifyReport,
} from '../spec/state-cache.ts'

const TOTALS = { restores: 2, restoredTokens: 5_999, savedMs: 101_000, savedStates: 3, writtenBytes: 900, rejected: 0 }

/** A cache of states without a disk: a test says what lies there, and sees what was asked. */
export class ScriptedStateCache implements StateCacheKeeper {
  isEnabled = true
  readonly entries: CacheEntry[] = []
  readonly cached: Map<string, CachedModel | 'expired' | 'corrupt'> = new Map<
    string,
    CachedModel | 'expired' | 'corrupt'
  >()
  /** Every model that was moved here. */
  readonly moved: ModelToCache[] = []
  readonly forgotten: string[] = []
  readonly calls: string[] = []
  corrupt: VerifyReport['corrupt'] = []
  /** Thrown by the next {@link cacheModel}. */
  fault: Error | undefined
  /** Told by {@link tellFault}. */
  readonly #listeners: ((fault: CacheFault) => void)[] = []

  async find(): Promise<OpenState | undefined> {
    return undefined
  }

  async open(): Promise<OpenState | undefined> {
    return undefined
  }

  has(entryId: string): boolean {
    return this.entries.some((entry) => entry.entryId === entryId)
  }

  async begin(): Promise<StateDraft | NoDraft> {
    this.calls.push('begin')
    return { refused: 'disabled', message: 'There is no disk here.' }
  }

  async cacheModel(model: ModelToCache): Promise<CachedModel> {
    if (this.fault) throw this.fault
    this.moved.push(model)
    const { modelId, saved, ttlMs = null } = model
    const cachePath = saved[0]?.path ?? `/h/.cache/models/${modelId}-1.cache`
    const cached = { modelId, cachePath, entryIds: saved.map(({ entryId }) => entryId), cachedAtMs: 1 }
    const kept = { ...cached, expiresAtMs: ttlMs === null ? null : 1 + ttlMs }
    this.cached.set(modelId, kept)
    return kept
  }

  async cachedModel(modelId: string): Promise<CachedModel | 'expired' | 'corrupt' | undefined> {
    const found = this.cached.get(modelId)
    if (typeof found === 'string') this.cached.delete(modelId)
    return found
  }

  async renewCachedModel(modelId: string, { ttlMs }: Pick<ModelToCache, 'ttlMs'>): Promise<void> {
    const cached = this.cached.get(modelId)
    if (typeof cached !== 'object' || ttlMs === undefined) return
    this.cached.set(modelId, { ...cached, expiresAtMs: ttlMs === null ? null : 1 + ttlMs })
  }

  async forgetCachedModel(modelId: string): Promise<void> {
    this.cached.delete(modelId)
  }

  async forgetConversations(conversationIds: readonly string[]): Promise<void> {
    this.forgotten.push(...conversationIds)
  }

  list(): readonly CacheEntry[] {
    return this.entries
  }

  report(): CacheReport {
    const bytes = this.entries.reduce((sumBytes, entry) => sumBytes + entry.bytes, 0)
    return {
      ...{ folder: '/h/.cache/models', isEnabled: this.isEnabled, entries: this.entries.length, bytes },
      ...{ maxBytes: 4_294_967_296, maxEntries: 10_000, writeBudgetBytesPerHour: 8_589_934_592 },
      ...{ writtenLastHourBytes: 900, totals: TOTALS },
    }
  }

  async prune(): Promise<{ readonly removed: number; readonly bytes: number }> {
    this.calls.push('prune')
    return { removed: 1, bytes: 5 }
  }

  async verify(): Promise<VerifyReport> {
    this.calls.push('verify')
    return { verified: this.entries.length, corrupt: this.corrupt }
  }

  async clear(modelId?: string): Promise<{ readonly removed: number; readonly bytes: number }> {
    this.calls.push(`clear ${modelId ?? 'all'}`)
    const gone = this.entries.filter((entry) => modelId === undefined || entry.modelId === modelId)
    for (const entry of gone) this.entries.splice(this.entries.indexOf(entry), 1)
    return { removed: gone.length, bytes: gone.reduce((sumBytes, { bytes }) => sumBytes + bytes, 0) }
  }

  onFault(listener: (fault: CacheFault) => void): void {
    this.#listeners.push(listener)
  }

  tellFault(fault: CacheFault): void {
    for (const listener of this.#listeners) listener(fault)
  }

  async close(): Promise<void> {
    this.calls.push('close')
  }
}

export function cacheEntry(changes: Partial<CacheEntry> = {}): CacheEntry {
  return {
    entryId: 'state_1',
    modelId: 'tiny',
    path: '/h/.cache/models/tiny-1700000000000.cache',
    bytes: 5_000_000,
    tokens: 6_000,
    conversationId: 'conv_1',
    createdAtMs: 1_700_000_000_000,
    lastUsedAtMs: 1_700_000_000_000,
    expiresAtMs: 1_702_592_000_000,
    priority: 'normal',
    restores: 1,
    ...changes,
  }
}
