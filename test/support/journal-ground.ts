import type { GrymEvent, RequestFinished } from '../../src/spec/events.ts'
import type { JournalEntry } from '../../src/spec/journal.ts'
import { StateDatabase } from '../../src/system/state-database.ts'
import { JOURNAL_MIGRATIONS } from '../../src/telemetry/journal-rows.ts'
import { JournalStore, type JournalLimits } from '../../src/telemetry/journal-store.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { TemporaryFolder } from './system-ground.ts'

export const START_MS = 1_700_000_000_000
export const WIDE: JournalLimits = { maxRows: 1_000, maxAgeMs: Infinity }

export function decided(id: number, changes: Partial<JournalEntry> = {}): GrymEvent {
  const data = { atMs: START_MS + id, decision: 'pin', modelId: 'a', inputs: {}, ...changes } as const
  return { id, type: 'decided', atMs: data.atMs, data }
}

export function finished(id: number, changes: Partial<RequestFinished> = {}): GrymEvent {
  const data: RequestFinished = {
    requestId: `req_${id}`,
    modelId: 'a',
    outcome: 'ok',
    arrivedAtMs: START_MS,
    queueWaitMs: 1,
    loadMs: 2,
    firstTextMs: 3,
    promptTokens: 4,
    cachedTokens: 5,
    generatedTokens: 6,
    durationMs: 7,
    footprintBytes: 8,
    ...changes,
  }
  return { id, type: 'requestFinished', atMs: START_MS + id, data }
}

export function unloaded(id: number): GrymEvent {
  return { id, type: 'modelUnloaded', atMs: START_MS + id, data: { modelId: 'a', reason: 'idle' } }
}

/** A journal in a folder of its own, with a clock that the test moves. */
export class JournalGround implements AsyncDisposable {
  readonly folder: TemporaryFolder
  readonly clock: VirtualClock = new VirtualClock(START_MS)
  readonly faults: unknown[] = []
  readonly setAside: string[] = []
  #opened: JournalStore[] = []

  private constructor(folder: TemporaryFolder) {
    this.folder = folder
  }

  static async make(): Promise<JournalGround> {
    return new JournalGround(await TemporaryFolder.make())
  }

  get path(): string {
    return this.folder.at('journal.db')
  }

  async open(limits: JournalLimits = WIDE): Promise<JournalStore> {
    const { path, clock } = this
    const onFault = (error: unknown): void => void this.faults.push(error)
    const onSetAside = (...paths: string[]): void => void this.setAside.push(...paths)
    const store = await JournalStore.open({ path, limits, clock, onFault, onSetAside })
    this.#opened.push(store)
    return store
  }

  /** A second connection, as another process has one. */
  beside(): Promise<StateDatabase> {
    return StateDatabase.open({ path: this.path, migrations: JOURNAL_MIGRATIONS })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const store of this.#opened) store.close()
    await this.folder[Symbol.asyncDispose]()
  }
}

/** Event ids of the decisions that are found. */
export async function ids(store: JournalStore, modelId?: string, limit = 100): Promise<number[]> {
  const decisions = await store.decisions({ limit, ...(modelId !== undefined && { modelId }) })
  return decisions.map(({ eventId }) => eventId)
}
