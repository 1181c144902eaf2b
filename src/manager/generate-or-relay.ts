import type { InferRequest } from '../spec/admin.ts'
import type { GenerateChunk, GenerateRequest, RelayChunk } from '../spec/chat.ts'
import type { ModelDefinition } from '../spec/model.ts'
import type { Provider } from '../spec/provider.ts'
import { isEmpty } from './request-defaults.ts'

/** How a provider is asked for an answer: with the client's own request where nothing of it has to change. */
export function generateOrRelay(
  request: InferRequest,
  { id, defaults }: ModelDefinition,
): (provider: Provider, signal: AbortSignal) => AsyncIterable<GenerateChunk | RelayChunk> {
  const { model: _, isStreamed: __, conversation: ___, wish: ____, raw, ...generate } = request
  return (provider, signal) => relayed(provider, generate, raw, signal) ?? provider.generate(id, generate, signal)

  function relayed(
    provider: Provider,
    asked: GenerateRequest,
    written: InferRequest['raw'],
    signal: AbortSignal,
  ): AsyncIterable<RelayChunk> | undefined {
    return written && isEmpty(defaults) ? provider.relay?.(id, asked, written, signal) : undefined
  }
}
