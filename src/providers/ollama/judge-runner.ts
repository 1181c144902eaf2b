import type { EngineLoss } from '../../spec/provider.ts'
import type { OllamaAge } from './ollama-age.ts'
import type { ResidentModel } from './ollama-replies.ts'

/** What grym believes of a runner that nobody uses at the moment. */
export interface BelievedRunner {
  /** Of a slot, as Ollama told it. */
  readonly contextTokens: number
  /** `unseen` where its process cannot be looked at; `replaced` = gone, and another one holds the same weights. */
  readonly process: 'alive' | 'gone' | 'replaced' | 'unseen'
}

export type RunnerVerdict =
  | { readonly type: 'as-believed' }
  /** Somebody loaded it again, and it serves grym as well: requests go on with what is there. */
  | { readonly type: 'adopted'; readonly contextTokens: number }
  | ({ readonly type: 'lost' } & Pick<EngineLoss, 'cause' | 'detail'>)

/**
 * Holds what grym believes of a runner against what `/api/ps` lists.
 *
 * 1. It is not listed: somebody else took it out of memory.
 * 2. It is listed, and its process is gone: it crashed, and Ollama has not noticed.
 * 3. It has another window, because another program asked for other options. The next request of ours would have it
 *    loaded again, and theirs again after that. So a larger window is taken as it is; with a smaller one the model
 *    counts as taken away, and is loaded again when it is asked for. From 0.30 on a program that says nothing of `shift`
 *    has another signature than grym in any case, so there every change counts as taken away.
 */
export function judgeRunner(
  believed: BelievedRunner,
  resident: ResidentModel | undefined,
  age: OllamaAge,
): RunnerVerdict {
  if (!resident) {
    const detail = 'Ollama does not hold it any more: somebody unloaded it, or it made room for another model'
    return { type: 'lost', cause: 'taken', detail }
  }
  if (believed.process === 'gone') {
    return { type: 'lost', cause: 'crashed', detail: 'its process ended, and Ollama has not noticed yet' }
  }
  const { contextTokens = believed.contextTokens } = resident
  if (contextTokens === believed.contextTokens) return { type: 'as-believed' }
  if (contextTokens > believed.contextTokens && age === 'own-runner') return { type: 'adopted', contextTokens }
  const detail = `another program had Ollama load it again with a window of ${contextTokens} tokens instead of ${believed.contextTokens}`
  return { type: 'lost', cause: 'taken', detail }
}
