import type { CachedModel, CacheTotals } from '../spec/state-cache.ts'
import type { Clock, Timer } from '../spec/clock.ts'
import { writeCacheFile } from '../system/atomic-file.ts'
import { readJsonFile } from '../system/json-file.ts'
import type { Entry } from './entry.ts'
import type { Written } from './write-budget.ts'

/** What became of entries after they were written, by their names. */
export type Uses = Readonly<Record<string, Pick<Entry, 'lastUsedAtMs' | 'restores' | 'returns' | 'priority'>>>

/** What was noted before we began. */
export interface NotedBefore {
  readonly uses?: Uses
  readonly models?: Readonly<Record<string, CachedModel>>
  readonly totals?: CacheTotals
  readonly written?: readonly Written[]
}

export interface CacheNotesOptions {
  readonly path: string
  readonly clock: Clock
  readonly uses: () => Uses
  readonly written: () => readonly Written[]
  readonly onFault: (error: unknown) => void
  readonly before: NotedBefore
}

const FORM = 1
const WRITE_AFTER_MS = 1_000
const NO_TOTALS: CacheTotals = {
  ...{ restores: 0, restoredTokens: 0, savedMs: 0 },
  ...{ savedStates: 0, writtenBytes: 0, rejected: 0 },
}

/** What changes about entries and cannot stand in files that never change: a JSON file beside them. Lost, it costs figures and the order of use. */
export class CacheNotes {
  readonly models: Map<string, CachedModel>
  readonly #options: CacheNotesOptions
  #totals: CacheTotals
  #timer: Timer | undefined
  #written: Promise<void> = Promise.resolve()

  constructor(options: CacheNotesOptions) {
    this.#options = options
    this.models = new Map(Object.entries(options.before.models ?? {}))
    this.#totals = { ...NO_TOTALS, ...options.before.totals }
  }

  get totals(): CacheTotals {
    return this.#totals
  }

  add(more: Partial<CacheTotals>): void {
    const totals: Record<string, number> = { ...this.#totals }
    for (const [name, value] of Object.entries(more)) totals[name] = (totals[name] ?? 0) + value
    this.#totals = { ...this.#totals, ...totals }
    this.writeLater()
  }

  writeLater(): void {
    this.#timer ??= this.#options.clock.setTimer(WRITE_AFTER_MS, () => {
      this.write().catch(this.#options.onFault)
    })
  }

  /** At once; of two on the way the later one is the last to arrive. */
  write(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
    const written = this.#written.then(() => this.#writeNow())
    this.#written = written.catch(() => undefined)
    return written
  }

  async #writeNow(): Promise<void> {
    const { path, uses, written } = this.#options
    const models = Object.fromEntries(this.models)
    const notes: NotedBefore = { uses: uses(), models, totals: this.#totals, written: written() }
    await writeCacheFile(path, JSON.stringify({ form: FORM, ...notes }))
  }
}

export async function readNotes(path: string): Promise<NotedBefore> {
  const json = (await readJsonFile(path)) as (NotedBefore & { form?: unknown }) | undefined
  return json?.form === FORM ? json : {}
}

export function usesOf(entries: Iterable<Entry>): Uses {
  return Object.fromEntries(
    [...entries].map(({ id, lastUsedAtMs, restores, returns, priority }) => [
      id,
      { lastUsedAtMs, restores, returns, priority },
    ]),
  )
}

/** Gives entries that were found what was noted of them. No use is later than now, whatever the clock said then. */
export function noteUses(entries: Iterable<Entry>, { uses = {} }: NotedBefore, nowMs: number): void {
  for (const entry of entries) {
    const use = uses[entry.id]
    if (!use) continue
    entry.lastUsedAtMs = Math.min(use.lastUsedAtMs, nowMs)
    entry.restores = use.restores
    entry.returns = use.returns
    entry.priority = use.priority
  }
}
