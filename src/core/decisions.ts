import type { ErrorData } from '../spec/errors.ts'
import { ERROR_TABLE } from '../spec/error-table.ts'
import type { Decision, JournalEntry } from '../spec/journal.ts'
import type { ModelId } from '../spec/model.ts'
import type { Effect, Publication } from './effect.ts'
import type { World } from './world.ts'

/** Collects what one step decides: effects in order, each decision with its journal entry. */
export class Decisions {
  readonly effects: Effect[] = []
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  add(effect: Effect): void {
    this.effects.push(effect)
  }

  publish(publication: Publication): void {
    this.effects.push({ type: 'publish', publication })
  }

  record(
    decision: Decision,
    subject: { modelId?: ModelId; requestId?: string; reason?: NonNullable<JournalEntry['reason']> },
    inputs: JournalEntry['inputs'] = {},
  ): void {
    this.effects.push({ type: 'record', entry: { atMs: this.#world.nowMs, decision, ...subject, inputs } })
  }

  /** An `error` event about a model (failed load, failed unload, lost engine). */
  publishError(modelId: ModelId, error: ErrorData): void {
    const row = ERROR_TABLE[error.reason]
    this.publish({
      type: 'error',
      data: { code: row.code, reason: error.reason, message: error.message, recoverable: row.isRetryable, modelId },
    })
  }
}
