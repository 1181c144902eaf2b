import type { EmbedReceipt, InferChunk, InferRequest, ManagerService } from '../spec/admin.ts'
import type { CacheReceipt, CacheWish } from '../spec/cache-service.ts'
import type { ChatMessage, FinishReason } from '../spec/chat.ts'
import type { ModelId } from '../spec/model.ts'
import type { RestoreGain } from '../spec/restored-state.ts'
import type { TokenCount } from '../spec/token-count.ts'
import { AnswerChannel } from '../spec/answer-channel.ts'
import { resourceError } from '../spec/errors.ts'
import type { GrymEvent } from '../spec/events.ts'
import type {
  AllocationRequest,
  FreeReceipt,
  LoadReceipt,
  ModelDescription,
  Status,
  UnloadReceipt,
} from '../spec/status.ts'

/** One call of `infer`: what was asked, and the answer to be conducted by hand. */
export interface Asked {
  readonly request: InferRequest
  readonly signal: AbortSignal
  readonly answer: AnswerChannel<InferChunk>
}

/** A manager whose answers are said by the test, for everything that stands in front of one. */
export class ScriptedManager implements ManagerService {
  readonly asked: Asked[] = []
  readonly followers: Set<(event: GrymEvent) => void> = new Set<(event: GrymEvent) => void>()
  readonly events: GrymEvent[] = []
  readonly pins: [string | undefined, boolean][] = []
  readonly moves: [string | undefined, CacheWish][] = []
  readonly allocations: [string | undefined, AllocationRequest][] = []
  #waiting: ((asked: Asked) => void)[] = []

  infer(request: InferRequest, signal: AbortSignal): AsyncIterable<InferChunk> {
    const answer = new AnswerChannel<InferChunk>(() => {})
    signal.addEventListener('abort', () => answer.fail(resourceError('request-cancelled', 'The client left.')), {
      once: true,
    })
    const asked = { request, signal, answer }
    this.asked.push(asked)
    this.#waiting.shift()?.(asked)
    return answer
  }

  /** The next call of `infer`, as soon as it comes. */
  next(): Promise<Asked> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Answers the next call with this text in one piece. */
  async answerNext(text: string, ...before: string[]): Promise<Asked> {
    const asked = await this.next()
    begin(asked)
    for (const piece of [...before, text]) asked.answer.push({ type: 'text', text: piece })
    finish(asked)
    return asked
  }

  async about(model: string | undefined): Promise<ModelDescription> {
    const id = await this.identify(model)
    return {
      ...{ id, createdAtMs: 1_500, contextTokens: 2_048, sizeBytes: 99, platform: 'local' },
      ...{ architecture: 'llama', parameterCount: 134_515_008, quantization: 'Q4_1', trainContextTokens: 8_192 },
      ...{
        blockCount: 30,
        vocabularyTokens: 49_152,
        embeddingLength: 576,
        chatTemplate: '{{ messages }}',
        capabilities: ['completion'],
      },
    }
  }

  async identify(model: string | undefined): Promise<ModelId> {
    if (model === 'unknown') throw unknown(model)
    return model ?? 'a'
  }

  async load(model: string | undefined): Promise<LoadReceipt> {
    if (model === 'unknown') throw unknown(model)
    return { modelId: model ?? 'a', state: 'ready', footprintBytes: 5, footprintSource: 'measured', loadMs: 7 }
  }

  async unload(model: string | undefined): Promise<UnloadReceipt> {
    if (model === 'unknown') throw unknown(model)
    return { modelId: model ?? 'a', state: 'unloaded', wasLoaded: true }
  }

  async moveToCache(model: string | undefined, wish: CacheWish): Promise<CacheReceipt> {
    if (model === 'unknown') throw unknown(model)
    this.moves.push([model, wish])
    const sizes = { beforeBytes: 14_000_000_000, afterBytes: 7_000_000_000, savedBytes: 7_000_000_000 }
    const cachePath = '/h/.cache/models/a-1234567890.cache'
    const what = { modelId: model ?? 'a', cachePath, wasLoaded: true, states: 2, tokens: 900 }
    return { ...what, ...sizes, sizeSource: 'measured' }
  }

  async embed(model: string | undefined, inputs: readonly string[]): Promise<EmbedReceipt> {
    return {
      modelId: model ?? 'a',
      vectors: inputs.map((input) => [input.length]),
      promptTokens: inputs.join('').length,
    }
  }

  async countTokens(_model: string | undefined, messages: readonly ChatMessage[]): Promise<TokenCount> {
    return { tokens: messages.map(({ content }) => content).join('').length, source: 'exact' }
  }

  async freeAll(): Promise<FreeReceipt> {
    return { unloadedModels: ['a'] }
  }

  async allocate(model: string | undefined, size: AllocationRequest): Promise<void> {
    this.allocations.push([model, size])
  }

  async pin(model: string | undefined, pinned: boolean): Promise<void> {
    this.pins.push([model, pinned])
  }

  status(): Status {
    const memory = { totalBytes: 10, availableBytes: 6, usedBytes: 4, peakUsedBytes: 5, pressureSources: [], gpus: [] }
    const identity = { version: '1.2.3', instanceId: 'here', pid: 1, cores: 2 }
    const queue = { waiting: 0, running: 0 }
    const gpu = { gpuBackend: null, gpuFault: null }
    return {
      ...identity,
      ...gpu,
      uptimeMs: 5,
      pressureRatio: 0.4,
      memory,
      spare: null,
      models: [],
      duplicates: [],
      engineCounters: {},
      kvcache: null,
      lastRestore: null,
      queue,
      lastEventId: 0,
    }
  }

  async models(): ReturnType<ManagerService['models']> {
    const common = {
      ...{ createdAtMs: 1_500, contextTokens: 2_048, sizeBytes: 99, platform: 'local' as const },
      capabilities: ['completion'] as const,
    }
    return [
      { id: 'a', state: 'ready', ...common },
      { id: 'more/b', state: 'unloaded', ...common },
    ]
  }

  subscribe(afterEventId: number | undefined, listener: (event: GrymEvent) => void): () => void {
    for (const event of this.events) if (afterEventId !== undefined && event.id > afterEventId) listener(event)
    this.followers.add(listener)
    return () => void this.followers.delete(listener)
  }

  publish(event: GrymEvent): void {
    this.events.push(event)
    for (const follower of this.followers) follower(event)
  }
}

function unknown(name: string): Error {
  return resourceError('model-not-found', `Unknown model '${name}'.`, { details: { name, nearMatches: [] } })
}

export const RECEIPT = { requestId: 'r1', modelId: 'a', queueWaitMs: 3, loadMs: 4 }

/** The answer begins: its receipt is known. */
export function begin({ answer }: Asked): void {
  answer.push({ type: 'start', receipt: RECEIPT })
}

/** The answer is whole. */
export function finish({ answer }: Asked, finishReason: FinishReason = 'stop', restored?: RestoreGain): void {
  const usage = { promptTokens: 10, cachedTokens: 6, generatedTokens: 2 }
  answer.push({ type: 'end', finishReason, usage, receipt: RECEIPT, ...(restored && { restored }) })
  answer.end()
}
