import { type ResourceError, resourceError } from './errors.ts'

/** A prompt that was counted and leaves no room for an answer. `undefined` = it fits. */
export function promptTooLong(promptTokens: number, contextTokens: number): ResourceError | undefined {
  if (promptTokens < contextTokens) return undefined
  return resourceError(
    'context-too-long',
    `The prompt has ${promptTokens} tokens, but the model's context window holds ${contextTokens}, answer included. ` +
      'Send fewer messages or use a model with a larger window.',
    { details: { promptTokens, contextTokens } },
  )
}
