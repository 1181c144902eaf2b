import type { RequestFinished } from '../spec/events.ts'
import type { ModelId } from '../spec/model.ts'
import type { LastRestore } from '../spec/status.ts'

/** What is known of a model's last load, and what has happened since. */
export interface LoadNote {
  readonly atMs: number
  readonly loadMs: number
  /** Tokens that the last answer left in its window. */
  usedContextTokens: number
  isMeasuredInUse: boolean
}

/** Facts about loaded models that nothing is decided by: for receipts, `status` and the first measurement in use. */
export class LoadNotes {
  readonly #notes = new Map<ModelId, LoadNote>()
  #lastRestore: LastRestore | null = null

  noteLoad(modelId: ModelId, atMs: number, loadMs: number): void {
    this.#notes.set(modelId, { atMs, loadMs, usedContextTokens: 0, isMeasuredInUse: false })
  }

  noteAnswer(modelId: ModelId, usedContextTokens: number): void {
    const note = this.#notes.get(modelId)
    if (note) note.usedContextTokens = usedContextTokens
  }

  /** The last answer that went on from a state on disk; `null` = there was none. */
  get lastRestore(): LastRestore | null {
    return this.#lastRestore
  }

  noteRestore({ modelId, promptTokens, arrivedAtMs, durationMs, restored }: RequestFinished): void {
    if (restored) this.#lastRestore = { modelId, atMs: arrivedAtMs + durationMs, promptTokens, ...restored }
  }

  get(modelId: ModelId): LoadNote | undefined {
    return this.#notes.get(modelId)
  }

  /** How long the model took to load after this moment; 0 = it was in memory already. */
  loadMsSince(modelId: ModelId, atMs: number): number {
    const note = this.#notes.get(modelId)
    return note && note.atMs > atMs ? note.loadMs : 0
  }

  /** True once after each load: the first answer is over, so all of the engine's buffers are really in use. */
  takeFirstUse(modelId: ModelId): boolean {
    const note = this.#notes.get(modelId)
    if (!note || note.isMeasuredInUse) return false
    note.isMeasuredInUse = true
    return true
  }
}
