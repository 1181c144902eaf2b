import type { NewState, NoDraft, StateCacheSettings } from '../spec/state-cache.ts'

/** Does this save keep to the write budget? The others are the last chance. */
export function keepsToBudget({ reason }: Pick<NewState, 'reason'>): boolean {
  return reason === 'rhythm' || reason === 'displaced'
}

/** Why a state gets no place before the disk is looked at; `undefined` = nothing speaks against it. */
export function refusalOf(
  state: NewState,
  settings: StateCacheSettings,
  isWithinBudget: (bytes: number) => boolean,
): NoDraft | undefined {
  const { expectedBytes, tokens } = state
  const { isEnabled, minTokens, maxBytes, writeBudgetBytesPerHour } = settings
  if (!isEnabled) return { refused: 'disabled', message: 'The KV cache on disk is switched off.' }
  if (tokens < minTokens) {
    return { refused: 'too-few-tokens', message: `${tokens} tokens are not worth a file; ${minTokens} are.` }
  }
  if (expectedBytes > maxBytes) {
    return {
      refused: 'too-large',
      message: `The state takes ${expectedBytes} bytes, and the whole cache has ${maxBytes}; raise kvcache.maxBytes to keep it.`,
    }
  }
  if (!keepsToBudget(state) || isWithinBudget(expectedBytes)) return undefined
  return { refused: 'write-budget', message: `No more than ${writeBudgetBytesPerHour} bytes are written in an hour.` }
}
