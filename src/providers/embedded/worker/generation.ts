import type { LlamaModel, SequenceEvaluateOptions, Token } from 'node-llama-cpp'
import type { FinishReason, GenerateRequest, SamplingOptions } from '../../../spec/chat.ts'
import { resourceError } from '../../../spec/errors.ts'
import type { ChatTemplate } from './chat-template.ts'
import { tokenizePrompt } from './tokenize-prompt.ts'
import type { PrefillPace } from './prefill-pace.ts'
import type { FromWorker, RunPhase } from './protocol.ts'
import { Cancelled, runFailure } from './run-failure.ts'
import { chooseSlot, type Slot } from './slot.ts'
import { StopStrings } from './stop-strings.ts'
import { TextStream } from './text-stream.ts'
import type { WorkerThreads } from './worker-threads.ts'
import { STRETCH_TOKENS } from './decode-threads.ts'

/** Tokens that repetition penalties look back at (llama.cpp's `repeat_last_n`). */
const PENALTY_WINDOW_TOKENS = 64
/** llama.cpp's own defaults, for what a request leaves open. */
const DEFAULT_SAMPLING = { temperature: 0.8, topK: 40, topP: 0.95, minP: 0.05 } as const

export interface GenerationOptions {
  readonly model: LlamaModel
  readonly template: ChatTemplate
  readonly slots: readonly Slot[]
  readonly request: GenerateRequest
  readonly pace: PrefillPace
  readonly threads: WorkerThreads
  readonly runId: number
  readonly send: (message: FromWorker) => void
}

/** One run: render, tokenise, choose a slot, reuse what it already holds, prefill in slices, decode. */
export class Generation {
  readonly #options: GenerationOptions
  #isCancelled = false
  #decodeTokenMs = 0

  constructor(options: GenerationOptions) {
    this.#options = options
  }

  /** Takes effect at the next slice or token. */
  cancel(): void {
    this.#isCancelled = true
  }

  /** Never rejects: how it ends is said to the host. */
  async run(): Promise<void> {
    const { runId, send, threads } = this.#options
    threads.runBegins()
    try {
      await this.#generate()
    } catch (error) {
      send(runFailure(runId, error))
    } finally {
      threads.runEnds()
    }
  }

  async #generate(): Promise<void> {
    const { request, model, template, slots } = this.#options
    this.#checkpoint('render', 0)
    // The message must leave before a template can block this thread.
    await new Promise((resolve) => setImmediate(resolve))
    const prompt = tokenizePrompt(model, template, request.messages)
    const slot = chooseSlot(slots, prompt)
    refuseTooLong(prompt.length, slot.contextTokens)
    // Rendered: from here on it waits for its slot, which has deadlines of its own.
    this.#checkpoint('wait', 0)
    await slot.inTurn(() => this.#serve(slot, prompt))
  }

  async #serve(slot: Slot, prompt: Token[]): Promise<void> {
    const { runId, send } = this.#options
    const startedAtMs = performance.now()
    const cachedTokens = await reusePrefix(slot, prompt)
    await this.#prefill(slot, prompt, cachedTokens)
    const prefilledAtMs = performance.now()
    const { finishReason, generatedTokens } = await this.#decode(slot, prompt)
    send({
      type: 'end',
      runId,
      finishReason,
      usage: { promptTokens: prompt.length, cachedTokens, generatedTokens },
      prefillMs: prefilledAtMs - startedAtMs,
      decodeMs: performance.now() - prefilledAtMs,
    })
  }

  async #prefill(slot: Slot, prompt: Token[], cachedTokens: number): Promise<void> {
    const { pace, threads } = this.#options
    const { batchSize } = slot.sequence.context
    const end = prompt.length - 1
    for (let position = cachedTokens; position < end;) {
      const size = pace.nextSliceTokens(end - position, batchSize)
      this.#checkpoint('prefill', pace.tokensPerMs === undefined ? 0 : size / pace.tokensPerMs)
      const slice = prompt.slice(position, position + size)
      threads.usePrefill()
      const startedAtMs = performance.now()
      await slot.evaluate(slot.sequence.evaluateWithoutGeneratingNewTokens(slice))
      pace.note(size, performance.now() - startedAtMs)
      position += size
    }
  }

  async #decode(slot: Slot, prompt: Token[]): Promise<{ finishReason: FinishReason; generatedTokens: number }> {
    const { model, request, threads, runId, send } = this.#options
    const { sequence } = slot
    const stops = new StopStrings(request.stop)
    const text = new TextStream<Token>((tokens, before) => model.detokenize(tokens, false, before))
    const sendText = (piece: string): void => {
      if (piece !== '') send({ type: 'text', runId, text: piece })
    }
    const seen = prompt.slice(-PENALTY_WINDOW_TOKENS)
    const tokens = sequence.evaluate(prompt.slice(-1), samplingOptions(request.sampling, seen))
    const roomTokens = slot.contextTokens - prompt.length
    const maxTokens = Math.min(request.maxTokens ?? Infinity, roomTokens)
    let generatedTokens = 0
    let finishReason: FinishReason = 'length'
    try {
      while (generatedTokens < maxTokens) {
        this.#checkpoint('decode', this.#decodeTokenMs)
        if (generatedTokens % STRETCH_TOKENS === 0) threads.nextStretch()
        const startedAtMs = performance.now()
        const next = await slot.evaluate(tokens.next())
        this.#decodeTokenMs = performance.now() - startedAtMs
        threads.noteToken(this.#decodeTokenMs)
        if (next.done) {
          finishReason = 'stop'
          break
        }
        generatedTokens += 1
        seen.push(next.value)
        if (seen.length > PENALTY_WINDOW_TOKENS) seen.shift()
        const piece = stops.push(text.push(next.value))
        sendText(piece.text)
        if (piece.isStopped) return { finishReason: 'stop', generatedTokens }
      }
    } finally {
      await tokens.return()
    }
    const last = stops.push(text.rest())
    sendText(last.text)
    if (last.isStopped) return { finishReason: 'stop', generatedTokens }
    sendText(stops.rest())
    return { finishReason, generatedTokens }
  }

  /** Between two pieces of work: stops a cancelled run, and tells the host what comes and how long it should take. */
  #checkpoint(phase: RunPhase, expectedMs: number): void {
    if (this.#isCancelled) throw new Cancelled()
    this.#options.send({ type: 'progress', runId: this.#options.runId, phase, expectedMs })
  }
}

/**
 * Keeps the KV state of the longest common beginning and erases the rest. The last prompt token is always evaluated
 * again: the engine needs its output. Returns the tokens that are really still there (a recurrent or sliding-window
 * model may have to give up more).
 */
async function reusePrefix({ sequence }: Slot, prompt: Token[]): Promise<number> {
  await sequence.adaptStateToTokens(prompt.slice(0, -1), false)
  return sequence.nextTokenIndex
}

function refuseTooLong(promptTokens: number, contextTokens: number): void {
  if (promptTokens < contextTokens) return
  throw resourceError(
    'context-too-long',
    `The prompt has ${promptTokens} tokens, but the model's context window holds ${contextTokens}, answer included. ` +
      'Send fewer messages or use a model with a larger window.',
    { details: { promptTokens, contextTokens } },
  )
}

function samplingOptions(sampling: SamplingOptions, seen: Token[]): SequenceEvaluateOptions {
  const { repeatPenalty, frequencyPenalty, presencePenalty, seed } = sampling
  const hasPenalty = [repeatPenalty, frequencyPenalty, presencePenalty].some((value) => value !== undefined)
  return {
    temperature: sampling.temperature ?? DEFAULT_SAMPLING.temperature,
    topK: sampling.topK ?? DEFAULT_SAMPLING.topK,
    topP: sampling.topP ?? DEFAULT_SAMPLING.topP,
    minP: sampling.minP ?? DEFAULT_SAMPLING.minP,
    ...(seed !== undefined && { seed }),
    ...(hasPenalty && {
      repeatPenalty: {
        punishTokens: () => seen,
        maxPunishTokens: PENALTY_WINDOW_TOKENS,
        penalty: repeatPenalty ?? 1,
        ...(frequencyPenalty !== undefined && { frequencyPenalty }),
        ...(presencePenalty !== undefined && { presencePenalty }),
      },
    }),
  }
}
