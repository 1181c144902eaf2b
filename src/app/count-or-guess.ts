import { TokenEstimate } from '../manager/token-estimate.ts'
import type { ManagerService } from '../spec/admin.ts'
import type { ErrorReason } from '../spec/error-reason.ts'
import { toErrorData } from '../spec/errors.ts'
import type { CountTokens } from '../spec/token-count.ts'

const GUESSED: ReadonlySet<ErrorReason> = new Set(['model-not-found', 'invalid-model-id', 'template-failed'])

/**
 * Counts for contexts that a program keeps by hand: they may be named after a model that is not here, and their
 * messages may come in an order that the model's template refuses. Then it is an estimate, and says so.
 */
export function countOrGuess(manager: Pick<ManagerService, 'countTokens'>): CountTokens {
  const estimate = new TokenEstimate()
  return async (model, messages, signal) => {
    try {
      return await manager.countTokens(model, messages, signal)
    } catch (error) {
      if (!GUESSED.has(toErrorData(error).reason)) throw error
      return { tokens: estimate.tokensOf(model ?? '', messages), source: 'estimated' }
    }
  }
}
