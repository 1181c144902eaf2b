import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../../spec/clock.ts'
import { SlotPool } from '../answering/slot-pool.ts'
import { tokenize, Vocabulary } from '../answering/tokens.ts'
import { pause } from '../time/pause.ts'
import { defaultKnobs, type FakeLlamaCounters, type FakeLlamaKnobs, noCounts } from './knobs.ts'
import { type LaunchOptions, slotContext } from './launch-options.ts'
import { loadFailureLines, type LogLine } from './model-file.ts'
import { PromptCache } from './prompt-cache.ts'
import { ClientLeft } from './refusal.ts'

/** What a prompt begins with wherever the engine adds special tokens. */
export const BEGIN_MARK = '<|begin|>'

/** Everything of the server but HTTP: the model, its slots, and the loop that computes. */
export class LlamaEngine {
  readonly options: LaunchOptions
  readonly clock: Clock
  readonly knobs: FakeLlamaKnobs
  readonly counters: FakeLlamaCounters = noCounts()
  readonly vocabulary: Vocabulary = new Vocabulary()
  readonly pool: SlotPool
  readonly promptCache: PromptCache
  /** Of each slot. */
  readonly contextTokens: number
  isReady = false
  isEnding = false
  #isComputing = true
  #lastSeed = 0
  #lastCompletion = 0
  readonly #onCrash: () => void

  constructor(options: LaunchOptions, clock: Clock, knobs: Partial<FakeLlamaKnobs>, onCrash: () => void) {
    this.options = options
    this.clock = clock
    this.knobs = { ...defaultKnobs(), ...knobs }
    this.#onCrash = onCrash
    const { slots, contextTokens } = slotContext(options, this.knobs.trainedContextTokens)
    this.contextTokens = contextTokens
    this.pool = new SlotPool(slots)
    this.promptCache = new PromptCache(options.isPromptCacheOn)
  }

  /** Waits until the model is loaded. The lines of the log and the end of the process where it cannot be. */
  async load(signal: AbortSignal): Promise<readonly LogLine[] | undefined> {
    const stuck = this.knobs.isLoadStuck
    if ((await pause(this.clock, stuck ? Infinity : this.knobs.loadDelayMs, signal)) === 'aborted') return undefined
    const lines = await loadFailureLines(this.options.modelPath, this.knobs.loadFailure)
    if (!lines) this.isReady = true
    return lines
  }

  /** The process has been told to end: nothing is computed any more, and what is open stays open. */
  end(): void {
    this.isEnding = true
    this.#isComputing = false
  }

  /** The process dies now. */
  crash(): void {
    this.#isComputing = false
    this.#onCrash()
  }

  /** Computes a prompt, a batch at a time: that a client has left is seen between batches only. */
  async prefill(tokenCount: number, left: AbortSignal): Promise<void> {
    for (let done = 0; done < tokenCount; done += this.options.batchTokens) {
      const batch = Math.min(this.options.batchTokens, tokenCount - done)
      const ms = batch * this.knobs.promptTokenDelayMs
      if (ms > 0) await pause(this.clock, ms, NEVER)
      await this.#look(left)
      this.counters.computedPromptTokens += batch
    }
  }

  /** Computes one more token of an answer that has so many. */
  async turn(answeredTokens: number, left: AbortSignal): Promise<void> {
    const { tokenDelayMs, crashAfterTokens, hangAfterTokens } = this.knobs
    if (tokenDelayMs > 0) await pause(this.clock, tokenDelayMs, left)
    else await setImmediate()
    if (crashAfterTokens !== undefined && answeredTokens >= crashAfterTokens) this.crash()
    if (hangAfterTokens !== undefined && answeredTokens >= hangAfterTokens) this.#isComputing = false
    await this.#look(left)
    this.counters.generatedTokens++
  }

  /** Waits for the loop, as everything does that needs the model: forever when it hangs or has been told to end. */
  async atLoop(left: AbortSignal): Promise<void> {
    await this.#look(left)
  }

  /** With the mark that a prompt begins with. */
  promptTokens(text: string): string[] {
    return [BEGIN_MARK, ...tokenize(text)]
  }

  nextSeed(): number {
    return this.#lastSeed++
  }

  nextCompletionId(): string {
    return `chatcmpl-fake${String(++this.#lastCompletion).padStart(8, '0')}`
  }

  async #look(left: AbortSignal): Promise<void> {
    if (!this.#isComputing) await pause(this.clock, Infinity, left)
    if (left.aborted) throw new ClientLeft()
  }
}

const NEVER = new AbortController().signal
