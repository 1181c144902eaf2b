import type { LlamaModel, Token } from 'node-llama-cpp'
import type { FinishReason, GenerateRequest } from '../../../spec/chat.ts'
import { promptTooLong } from '../../../spec/prompt-too-long.ts'
import type { RestoreGain } from '../../../spec/restored-state.ts'
import { type AnswerPlan, planAnswer, planHistory } from './answer-plan.ts'
import { AnswerWriter } from './answer-writer.ts'
import type { ChatTemplate } from './chat-template.ts'
import { checkpointMarks, type PromptPoints } from './checkpoint-marks.ts'
import { STRETCH_TOKENS } from './decode-threads.ts'
import type { GrammarCache } from './grammar-cache.ts'
import { commonLength } from '../../../spec/common-length.ts'
import type { KeptPrefix } from './kept-state.ts'
import type { PrefillPace } from './prefill-pace.ts'
import type { FromWorker, RunPhase } from './protocol.ts'
import { Cancelled, runFailure } from './run-failure.ts'
import { chooseSlot, type Slot } from './slot.ts'
import type { RunStart, SlotStates } from './slot-states.ts'
import { tokenSource } from './token-source.ts'
import { tokenizeCompletion, tokenizePrompt } from './tokenize-prompt.ts'
import type { WorkerThreads } from './worker-threads.ts'

export interface GenerationOptions {
  readonly model: LlamaModel
  readonly template: ChatTemplate
  readonly slots: readonly Slot[]
  readonly request: GenerateRequest
  readonly grammars: GrammarCache
  readonly pace: PrefillPace
  readonly threads: WorkerThreads
  /** Absent = states are not kept on disk. */
  readonly states?: SlotStates | undefined
  readonly runId: number
  readonly send: (message: FromWorker) => void
}

interface Asked {
  readonly prompt: Token[]
  readonly plan: Omit<AnswerPlan, 'prompt'>
  /** Tokens up to the end of the last message; absent where nobody needs to know. */
  readonly historyTokens?: number
}

interface Decoded {
  readonly finishReason: FinishReason
  readonly stoppedBy: string | undefined
  readonly generatedTokens: number
  readonly reasoningTokens: number
}

/** One run: render, tokenise, choose a slot, reuse what it already holds, prefill in slices, decode. */
export class Generation {
  readonly #options: GenerationOptions
  readonly #cancelled = Promise.withResolvers<void>()
  #isCancelled = false
  #decodeTokenMs = 0

  constructor(options: GenerationOptions) {
    this.#options = options
  }

  /** Takes effect at the next slice or token. */
  cancel(): void {
    this.#isCancelled = true
    this.#cancelled.resolve()
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
    const { slots } = this.#options
    this.#checkpoint('render', 0)
    // The message must leave before a template can block this thread.
    await new Promise((resolve) => setImmediate(resolve))
    const asked = this.#plan()
    const { prompt } = asked
    const slot = chooseSlot(slots, prompt)
    const refusal = promptTooLong(prompt.length, slot.contextTokens)
    if (refusal) throw refusal
    // Rendered: from here on it waits for its slot, which has deadlines of its own.
    this.#checkpoint('wait', 0)
    await slot.inTurn(() => this.#serve(slot, asked))
  }

  #plan(): Asked {
    const { request, model, template, slots } = this.#options
    if (request.completion) return { plan: { marks: {} }, prompt: tokenizeCompletion(model, request.completion) }
    const plan = planAnswer(request, template)
    const prompt = tokenizePrompt(model, plan.prompt)
    const needsPoints = slots.some(({ state }) => state.mostCheckpoints > 0)
    const history = needsPoints ? planHistory(request, template) : undefined
    if (history === undefined || history === '') return { plan, prompt }
    return { plan, prompt, historyTokens: commonLength(prompt, tokenizePrompt(model, history)) }
  }

  async #serve(slot: Slot, { prompt, plan, historyTokens }: Asked): Promise<void> {
    const { runId, send, states, pace } = this.#options
    const startedAtMs = performance.now()
    const { kept, restored } = await this.#read(slot, prompt, historyTokens)
    const prefilledAtMs = performance.now()
    const { finishReason, stoppedBy, generatedTokens, reasoningTokens } = await this.#decode(slot, prompt, plan)
    const unsavedTokens = states?.unsavedTokens(slot) ?? 0
    const tokensPerMs = pace.averageTokensPerMs
    send({
      type: 'end',
      runId,
      finishReason,
      ...(stoppedBy !== undefined && { stoppedBy }),
      usage: {
        promptTokens: prompt.length,
        cachedTokens: kept.reusedTokens,
        generatedTokens,
        ...(reasoningTokens > 0 && { reasoningTokens }),
      },
      prefillMs: prefilledAtMs - startedAtMs,
      decodeMs: performance.now() - prefilledAtMs,
      ...(restored && { restored }),
      ...(unsavedTokens > 0 && { unsavedTokens }),
      ...(tokensPerMs !== undefined && { tokensPerMs }),
    })
  }

  /** Goes on from what is held or saved, and reads the rest. */
  async #read(
    slot: Slot,
    prompt: Token[],
    historyTokens: number | undefined,
  ): Promise<{ readonly kept: KeptPrefix; readonly restored: RestoreGain | undefined }> {
    const { states, request } = this.#options
    const run = {
      checkpoint: (phase: RunPhase, expectedMs: number) => this.#checkpoint(phase, expectedMs),
      cancelled: this.#cancelled.promise,
    }
    const start: RunStart = states
      ? await states.begin(slot, prompt, request.stateOwner, run)
      : { kept: await slot.state.keepPrefix(prompt), settle: () => undefined }
    const { kept } = start
    let restored: RestoreGain | undefined
    try {
      await this.#prefill(slot, prompt, { ...kept, historyTokens })
    } finally {
      restored = start.settle()
    }
    return { kept, restored }
  }

  /** Everything but the last token, whose output is needed; with a checkpoint where a later prompt may go on from. */
  async #prefill(slot: Slot, prompt: Token[], points: Omit<PromptPoints, 'endTokens'>): Promise<void> {
    const end = prompt.length - 1
    let position = points.reusedTokens
    for (const mark of checkpointMarks({ ...points, endTokens: end }, slot.state.mostCheckpoints)) {
      await this.#readTo(slot, prompt, position, mark)
      await slot.state.checkpoint()
      position = mark
    }
    await this.#readTo(slot, prompt, position, end)
  }

  async #readTo(slot: Slot, prompt: Token[], from: number, end: number): Promise<void> {
    const { pace, threads } = this.#options
    const { batchSize } = slot.sequence.context
    for (let position = from; position < end;) {
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

  async #decode(slot: Slot, prompt: Token[], plan: Omit<AnswerPlan, 'prompt'>): Promise<Decoded> {
    const { model, request, threads, grammars, runId, send } = this.#options
    const { sampling, topLogprobs, stop } = request
    const writer = new AnswerWriter({ model, plan, stop, send: (part) => send({ type: 'part', runId, part }) })
    const grammar = plan.grammar === undefined ? undefined : grammars.begin(plan.grammar, model)
    const tokens = tokenSource({ sequence: slot.sequence, model, prompt, sampling, grammar, topLogprobs })
    const maxTokens = Math.min(request.maxTokens ?? Infinity, slot.contextTokens - prompt.length)
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
        if (next) generatedTokens += 1
        if (next && !writer.push(next)) continue
        finishReason = 'stop'
        break
      }
    } finally {
      await tokens.end()
    }
    const { hasCalls } = writer.end()
    const { stoppedBy, reasoningTokens } = writer
    if (hasCalls) finishReason = 'toolCalls'
    else if (stoppedBy !== undefined) finishReason = 'stop'
    return { finishReason, stoppedBy: hasCalls ? undefined : stoppedBy, generatedTokens, reasoningTokens }
  }

  /** Between two pieces of work: stops a cancelled run, and tells the host what comes and how long it should take. */
  #checkpoint(phase: RunPhase, expectedMs: number): void {
    if (this.#isCancelled) throw new Cancelled()
    this.#options.send({ type: 'progress', runId: this.#options.runId, phase, expectedMs })
  }
}
