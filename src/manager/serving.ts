import type { InferChunk, InferReceipt } from '../spec/admin.ts'
import type { AnswerPart, ChatMessage, GenerateChunk, RelayChunk, RelayedBytes } from '../spec/chat.ts'
import type { AnswerOutcome } from '../spec/conversations.ts'
import { fromErrorData, ResourceError, resourceError, toErrorData, type ErrorData } from '../spec/errors.ts'
import type { RequestFinished } from '../spec/events.ts'
import type { ModelDefinition } from '../spec/model.ts'
import type { Provider } from '../spec/provider.ts'
import { AnswerChannel } from '../spec/answer-channel.ts'
import { answerMessage, merged } from './answer-parts.ts'

export interface ServingOptions {
  readonly requestId: string
  readonly definition: ModelDefinition
  /** See {@link InferRequest.isStreamed}. */
  readonly isStreamed: boolean
  /** What a granted engine is asked to do: answer, or embed. */
  readonly work: (provider: Provider, signal: AbortSignal) => AsyncIterable<GenerateChunk | RelayChunk>
  /** Where its messages are kept. */
  readonly conversationId?: string | undefined
  readonly nowMs: () => number
  /** A byte of the answer is about to reach the client. */
  readonly onAnswering: (grantId: number) => void
  /** The engine is done with this grant, well or badly: the lease is free. */
  readonly onFinished: (grantId: number) => void
  /** Does the core still count this grant as running? */
  readonly isGranted: (grantId: number) => boolean
  /** The client left. */
  readonly onLeft: () => void
  /** What the model is known to take now. */
  readonly footprintBytes: () => number
  /** Resolves when every reported loss of an engine has been decided on. */
  readonly lossesTold: () => Promise<void>
  /**
   * The answer is as far as it will come, and its reader has not been told yet: what is kept of it is kept before
   * anybody could count on it: resolves then, and never rejects.
   */
  readonly onAnswered: (answer: ChatMessage, outcome: AnswerOutcome) => Promise<void>
  /** The answer is over, whichever way. */
  readonly onOver: (summary: RequestFinished) => void
}

/**
 * One request from its arrival to its answer. The core grants it a lease, maybe more than once (its engine was
 * lost); each grant runs {@link serve}. Chunks of a grant that was taken back are dropped.
 */
export class Serving {
  readonly channel: AnswerChannel<InferChunk>
  readonly #options: ServingOptions
  readonly #arrivedAtMs: number
  #grantId = 0
  #generation = new AbortController()
  #hasStarted = false
  #firstTextAtMs: number | undefined
  readonly #passed: AnswerPart[] = []
  #isOver = false
  #receipt: InferReceipt
  #usage: Pick<RequestFinished, 'promptTokens' | 'cachedTokens' | 'generatedTokens' | 'restored'> = {
    promptTokens: 0,
    cachedTokens: 0,
    generatedTokens: 0,
  }

  constructor(options: ServingOptions) {
    this.#options = options
    this.#arrivedAtMs = options.nowMs()
    const { requestId, definition, conversationId } = options
    this.#receipt = {
      requestId,
      modelId: definition.id,
      queueWaitMs: 0,
      loadMs: 0,
      ...(conversationId !== undefined && { conversationId }),
    }
    this.channel = new AnswerChannel(() => this.leave())
  }

  /** Runs the generation of one grant to its end. Never rejects: every outcome goes to the reader or to the core. */
  async serve(provider: Provider, grantId: number, loadedAtMs: number, loadMs: number): Promise<void> {
    const { work, nowMs } = this.#options
    const waitedMs = nowMs() - this.#arrivedAtMs
    const ownLoadMs = loadedAtMs > this.#arrivedAtMs ? Math.min(loadMs, waitedMs) : 0
    this.#receipt = { ...this.#receipt, queueWaitMs: waitedMs - ownLoadMs, loadMs: ownLoadMs }
    this.#grantId = grantId
    this.#generation = new AbortController()
    try {
      await this.#pump(work(provider, this.#generation.signal), grantId)
    } catch (error) {
      await this.#failGrant(error, grantId)
    }
  }

  /** The core's verdict for a request that gets no answer. */
  refuse(error: ErrorData): void {
    this.#over(fromErrorData(error))
    this.#generation.abort()
  }

  /** The client is gone: its place is free at once. */
  leave(): void {
    if (this.#isOver) return
    this.#generation.abort()
    this.#grantId = 0
    this.#options.onLeft()
    this.#over(resourceError('request-cancelled', 'The client left before the answer was complete.'))
  }

  async #pump(chunks: AsyncIterable<GenerateChunk | RelayChunk>, grantId: number): Promise<void> {
    const held: AnswerPart[] = []
    for await (const chunk of chunks) {
      if (this.#grantId !== grantId) return
      if (chunk.type === 'bytes') {
        this.#passBytes(chunk, grantId)
        // A reader that is slow makes the engine's sender slow, not this process large.
        await this.channel.room()
        continue
      }
      if (chunk.type !== 'end') {
        if (this.#options.isStreamed) this.#pass(chunk, grantId)
        else held.push(chunk)
        continue
      }
      for (const part of merged(held)) this.#pass(part, grantId)
      const { finishReason, stoppedBy, usage, prefillMs, decodeMs, restored } = chunk
      const stopped = stoppedBy !== undefined && { stoppedBy }
      const gain = restored && { restored }
      const { promptTokens, cachedTokens, generatedTokens } = usage
      this.#usage = { promptTokens, cachedTokens, generatedTokens, ...gain }
      const last = 'last' in chunk ? chunk.last : undefined
      if (last) this.#begin(last.parts, grantId, true)
      else this.#start(false)
      await this.#options.onAnswered(answerMessage(this.#passed), 'ok')
      if (this.#grantId !== grantId) return
      if (last) this.channel.push({ ...last, isLast: true })
      const times = { prefillMs, decodeMs }
      this.channel.push({ type: 'end', finishReason, ...stopped, usage, receipt: this.#receipt, ...gain, ...times })
      this.#options.onFinished(grantId)
      this.#over(undefined)
      return
    }
    throw resourceError('engine-error', 'The engine ended its answer without saying how. Send the request again.')
  }

  #pass(part: AnswerPart, grantId: number): void {
    this.#begin([part], grantId, false)
    this.channel.push(part)
  }

  #passBytes(relayed: RelayedBytes, grantId: number): void {
    this.#begin(relayed.parts, grantId, true)
    this.channel.push(relayed)
  }

  /** These parts are about to be passed on. */
  #begin(parts: readonly AnswerPart[], grantId: number, isRelayed: boolean): void {
    if (!this.#hasStarted) this.#options.onAnswering(grantId)
    this.#start(isRelayed)
    if (parts.length > 0) this.#firstTextAtMs ??= this.#options.nowMs()
    this.#passed.push(...parts)
  }

  #start(isRelayed: boolean): void {
    if (this.#hasStarted) return
    this.#hasStarted = true
    this.channel.push({ type: 'start', receipt: this.#receipt, ...(isRelayed && { isRelayed }) })
  }

  /**
   * The grant ended without an answer. When the engine was lost, the provider has told the core, and the core decides:
   * a new grant, or an error. Only what it did not take back is an error of this request.
   */
  async #failGrant(error: unknown, grantId: number): Promise<void> {
    const isLoss = error instanceof ResourceError && (error.reason === 'engine-lost' || error.reason === 'engine-stuck')
    if (isLoss) await this.#options.lossesTold()
    if (this.#isOver || !this.#options.isGranted(grantId)) return
    this.#options.onFinished(grantId)
    this.#over(asError(error))
  }

  #over(error: Error | undefined): void {
    if (this.#isOver) return
    this.#isOver = true
    const { requestId, definition, nowMs, footprintBytes, onOver } = this.#options
    const outcome = error === undefined ? 'ok' : toErrorData(error).reason
    if (outcome !== 'ok') void this.#options.onAnswered(answerMessage(this.#passed), outcome)
    if (error === undefined) this.channel.end()
    else this.channel.fail(error)
    onOver({
      requestId,
      modelId: definition.id,
      outcome,
      arrivedAtMs: this.#arrivedAtMs,
      queueWaitMs: this.#receipt.queueWaitMs,
      loadMs: this.#receipt.loadMs,
      firstTextMs: this.#firstTextAtMs === undefined ? null : this.#firstTextAtMs - this.#arrivedAtMs,
      durationMs: nowMs() - this.#arrivedAtMs,
      footprintBytes: footprintBytes(),
      ...this.#usage,
    })
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
