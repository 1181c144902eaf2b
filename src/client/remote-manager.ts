import type { EmbedReceipt, InferChunk, InferRequest, ManagerService } from '../spec/admin.ts'
import type { ChatMessage } from '../spec/chat.ts'
import type { GrymEvent } from '../spec/events.ts'
import type { ModelWish } from '../spec/model-wish.ts'
import type { ModelId } from '../spec/model.ts'
import type {
  AllocationRequest,
  FreeReceipt,
  LoadReceipt,
  ModelDescription,
  Status,
  UnloadReceipt,
} from '../spec/status.ts'
import type { PromptOptions, TokenCount } from '../spec/token-count.ts'
import type { CacheReceipt, CacheWish } from '../spec/cache-service.ts'
import type { GrymClient, ListedModel } from './grym-client.ts'
import { answerCall, encodeAnswerOptions, encodeMessage, readAnswer } from './chat-wire.ts'
import { encodeWish } from './wish-wire.ts'

/** How long to wait before events are followed again after the connection broke. */
const FOLLOW_AGAIN_MS = 500

/** The manager of a daemon, over HTTP. */
export class RemoteManager implements ManagerService {
  readonly #client: GrymClient
  readonly #stop = new AbortController()

  constructor(client: GrymClient) {
    this.#client = client
  }

  infer(request: InferRequest, signal: AbortSignal): AsyncIterableIterator<InferChunk, undefined> {
    const leave = new AbortController()
    const chunks = this.#answer(request, AbortSignal.any([signal, leave.signal]))
    let awaited = 0
    return {
      next() {
        awaited += 1
        return chunks.next().finally(() => (awaited -= 1))
      },
      return() {
        // A generator that waits for its next chunk would only leave after that.
        if (awaited > 0) leave.abort()
        return chunks.return(undefined)
      },
      [Symbol.asyncIterator]() {
        return this
      },
    }
  }

  async *#answer(request: InferRequest, signal: AbortSignal): AsyncGenerator<InferChunk, undefined, undefined> {
    // What is read here is grym's own form of an answer, receipt and all, not an engine's.
    const headers = { 'x-grym-relay': '0', ...(!request.conversation && { 'x-grym-no-store': '1' }) }
    const { path, body } = answerCall(request)
    const response = await this.#client.channel.stream(path, body, { signal, headers })
    yield* readAnswer(response)
    return undefined
  }

  async embed(
    model: string | undefined,
    inputs: readonly string[],
    signal: AbortSignal,
    wish?: ModelWish,
  ): Promise<EmbedReceipt> {
    const body = { model, input: inputs, ...encodeWish(wish) }
    const answer = (await this.#client.channel.post('/v1/embeddings', body, signal)) as {
      readonly model: string
      readonly data: readonly { readonly embedding: readonly number[] }[]
      readonly usage: { readonly prompt_tokens: number }
    }
    const vectors = answer.data.map(({ embedding }) => embedding)
    return { modelId: answer.model, vectors, promptTokens: answer.usage.prompt_tokens }
  }

  async countTokens(
    model: string | undefined,
    messages: readonly ChatMessage[],
    signal: AbortSignal,
    options: PromptOptions = {},
  ): Promise<TokenCount> {
    const body = { model, messages: messages.map(encodeMessage), ...encodeAnswerOptions(options) }
    return (await this.#client.channel.post('/grym/v1/tokens/count', body, signal)) as TokenCount
  }

  async about(model: string | undefined): Promise<ModelDescription> {
    return (await this.#client.channel.post('/grym/v1/models/about', { model })) as ModelDescription
  }

  async identify(model: string | undefined): Promise<ModelId> {
    return this.#client.identify(model)
  }

  load(model: string | undefined, signal: AbortSignal, wish?: ModelWish): Promise<LoadReceipt> {
    return this.#client.load(model, signal, wish)
  }

  unload(model: string | undefined, signal: AbortSignal): Promise<UnloadReceipt> {
    return this.#client.unload(model, signal)
  }

  moveToCache(model: string | undefined, wish: CacheWish, signal: AbortSignal): Promise<CacheReceipt> {
    return this.#client.moveToCache(model, wish, signal)
  }

  async freeAll(signal: AbortSignal): Promise<FreeReceipt> {
    return (await this.#client.channel.post('/grym/v1/models/free', {}, signal)) as FreeReceipt
  }

  async allocate(model: string | undefined, size: AllocationRequest, signal: AbortSignal): Promise<void> {
    await this.#client.channel.post('/grym/v1/models/allocate', { model, ...size }, signal)
  }

  pin(model: string | undefined, pinned: boolean): Promise<void> {
    return this.#client.pin(model, pinned)
  }

  status(): Promise<Status> {
    return this.#client.status()
  }

  async models(): ReturnType<ManagerService['models']> {
    return (await this.#client.models()).map(decodeModel)
  }

  subscribe(afterEventId: number | undefined, listener: (event: GrymEvent) => void): () => void {
    const leave = new AbortController()
    const signal = AbortSignal.any([leave.signal, this.#stop.signal])
    void this.#follow(afterEventId, listener, signal)
    return () => leave.abort()
  }

  /** Nothing is followed any more. */
  destroy(): void {
    this.#stop.abort()
  }

  /** Until it is told to stop: a connection that breaks is opened again after the last event that came. */
  async #follow(
    afterEventId: number | undefined,
    listener: (event: GrymEvent) => void,
    signal: AbortSignal,
  ): Promise<void> {
    let lastId = afterEventId
    while (!signal.aborted) {
      try {
        for await (const event of this.#client.events(lastId, signal)) {
          lastId = event.id
          listener(event)
        }
      } catch (error) {
        // Broken or refused: the daemon may be starting again. Whoever asks it for something learns why.
        if (!(error instanceof Error)) throw error
      }
      await pause(FOLLOW_AGAIN_MS, signal)
    }
  }
}

function decodeModel(listed: ListedModel): Awaited<ReturnType<ManagerService['models']>>[number] {
  const { id, created, context_length: contextTokens, size_bytes: sizeBytes, capabilities, platform } = listed
  const state = listed.state as Status['models'][number]['state']
  return { id, createdAtMs: created * 1_000, contextTokens, sizeBytes, platform, capabilities, state }
}

/** Resolves after a while, or as soon as the signal aborts. */
function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const end = (): void => {
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer: unknown = setTimeout(end, delayMs)
    // In Node a pause is no reason to go on; in a browser a timer is a number.
    if (typeof timer === 'object' && timer !== null && 'unref' in timer) (timer as { unref(): void }).unref()
    signal.addEventListener('abort', end, { once: true })
  })
}
