import type { InferRequest } from '../spec/admin.ts'
import type { ChatMessage } from '../spec/chat.ts'
import type { RequestDefaults } from '../spec/model.ts'

/** The request with what is configured for its model, where it says nothing itself. */
export function withDefaults(request: InferRequest, defaults: RequestDefaults): InferRequest {
  const { sampling, maxTokens, stop } = defaults
  const longest = request.maxTokens ?? maxTokens
  return {
    ...request,
    messages: request.completion ? [] : withSystem(request.messages, defaults),
    sampling: { ...sampling, ...request.sampling },
    stop: request.stop.length > 0 ? request.stop : (stop ?? []),
    ...(longest !== undefined && { maxTokens: longest }),
  }
}

/** Does {@link withDefaults} leave every request as it is? */
export function isEmpty({ system, sampling = {}, maxTokens, stop }: RequestDefaults): boolean {
  return system === undefined && Object.keys(sampling).length === 0 && maxTokens === undefined && stop === undefined
}

export function withSystem(messages: readonly ChatMessage[], { system }: RequestDefaults): readonly ChatMessage[] {
  if (system === undefined || messages.some(({ role }) => role === 'system')) return messages
  return [{ role: 'system', content: system }, ...messages]
}
