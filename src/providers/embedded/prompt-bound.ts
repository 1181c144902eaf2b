import type { GenerateRequest } from '../../spec/chat.ts'
import { type ResourceError, resourceError } from '../../spec/errors.ts'

/**
 * Refuses a prompt that cannot fit whatever its tokens are: a token stands for at most `longestTokenBytes` bytes, so
 * `bytes ÷ longestTokenBytes` is a lower bound of the count. Costs no tokenising; 10 MB are refused in milliseconds.
 * What passes may still be too long; the worker counts exactly.
 */
export function refuseSurelyTooLong(
  request: GenerateRequest,
  longestTokenBytes: number,
  contextTokens: number,
): ResourceError | undefined {
  const promptBytes = request.messages.reduce((sumBytes, { content }) => sumBytes + Buffer.byteLength(content), 0)
  const atLeastTokens = Math.ceil(promptBytes / Math.max(1, longestTokenBytes))
  if (atLeastTokens < contextTokens) return undefined
  return resourceError(
    'context-too-long',
    `The prompt has at least ${atLeastTokens} tokens (${promptBytes} bytes), but the model's context window holds ` +
      `${contextTokens}, answer included. Send fewer messages or use a model with a larger window.`,
    { details: { atLeastTokens, promptBytes, contextTokens } },
  )
}
