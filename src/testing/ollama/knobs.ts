import type { CannedCall } from '../answering/answer-script.ts'
import type { FakeModel } from './models.ts'

/** What a test turns, also while the server runs. Names in the maps are short names with their tag (`llama3.2:1b`). */
export interface FakeOllamaKnobs {
  /** Time a load takes. Default 0: one turn of the clock. */
  loadDelayMs: number
  /** `OLLAMA_LOAD_TIMEOUT`. Default 5 minutes. A longer load fails in Ollama's words. */
  loadTimeoutMs: number
  /** Loads of these models fail with this text (500) after their delay, until taken out. */
  readonly loadFailures: Map<string, string>
  /** Answers of these models fail after so many tokens: 0 is a status, more is a line within the stream. */
  readonly runFailures: Map<string, { readonly afterTokens: number; readonly text: string }>
  /**
   * Streams of answers of these models end after so many pieces without a last line: so 0.17.4 ends an answer that
   * repeats one token, and so does a proxy that loses its connection.
   */
  readonly quietEnds: Map<string, number>
  /** Runners of these models stand still: their answers make no progress, while the server goes on. */
  readonly stuckRunners: Set<string>
  /** From the decision to unload until the model has left `/api/ps`. Default 20. */
  unloadDelayMs: number
  /** From leaving `/api/ps` until the memory is free. Ollama waits 5 s of it. Default 0. */
  freedMemoryLagMs: number
  /** `OLLAMA_MAX_QUEUE`: requests that may wait behind the one that loads. Default 512. */
  maxQueue: number
  /** `OLLAMA_MAX_LOADED_MODELS`. Default 3. */
  maxLoadedModels: number
  /** `OLLAMA_NUM_PARALLEL`. Default 1; models that only embed have 1 in any case. */
  numParallel: number
  /** `OLLAMA_KEEP_ALIVE`. Default 5 minutes; `Infinity` is forever. */
  keepAliveMs: number
  /** `OLLAMA_CONTEXT_LENGTH`. Default 0: by the memory of the GPUs. */
  contextTokens: number
  /** Memory that models may take. Default `Infinity`: everything fits. */
  memoryBytes: number
  /** Memory of all GPUs. Default 0: a machine without one. */
  vramBytes: number
  /** Wait before each token of an answer. Default 0: one turn of the event loop. */
  tokenDelayMs: number
  /** Reported, not waited for: `prompt_eval_duration` a token that was not cached. Default 1 ms. */
  promptTokenNs: number
  /** Reported, not waited for: `eval_duration` a token. Default 10 ms. */
  answerTokenNs: number
  /** Length of an answer that nothing else ends. Default 64. */
  answerTokens: number
  /** When set, a chat that offers tools is answered with these calls. */
  toolCalls: readonly CannedCall[]
  /** What a model that thinks, thinks. Default two sentences. */
  thinkingText: string
  /** What is left of an answer when its runner dies. */
  crashText: string
}

/** Counters that tests read; they only grow. */
export interface FakeOllamaCounters {
  loads: number
  failedLoads: number
  /** Loads given up because whoever asked went away. */
  abortedLoads: number
  /** Loaded models that had to go because the same weights were asked for with another signature. */
  reloads: number
  /** Models that had to go for another one. */
  evictions: number
  /** Models that left memory, for whatever reason. */
  unloads: number
  /** Requests refused with 503. */
  refusedBusy: number
  /** Requests whose client went away before the end. */
  cancelled: number
  /** Messages dropped without a word because a chat was too long. */
  droppedMessages: number
  /** Prompts cut without a word. */
  cutPrompts: number
  /** Times that half of a context was dropped during an answer. */
  contextShifts: number
}

/** Defaults of every knob; maps are new ones. */
export function defaultKnobs(): FakeOllamaKnobs {
  return {
    loadDelayMs: 0,
    loadTimeoutMs: 300_000,
    loadFailures: new Map(),
    runFailures: new Map(),
    quietEnds: new Map(),
    stuckRunners: new Set(),
    unloadDelayMs: 20,
    freedMemoryLagMs: 0,
    maxQueue: 512,
    maxLoadedModels: 3,
    numParallel: 1,
    keepAliveMs: 300_000,
    contextTokens: 0,
    memoryBytes: Infinity,
    vramBytes: 0,
    tokenDelayMs: 0,
    promptTokenNs: 1_000_000,
    answerTokenNs: 10_000_000,
    answerTokens: 64,
    toolCalls: [],
    thinkingText: 'I was asked something. I shall repeat it.',
    crashText:
      'model runner has unexpectedly stopped, this may be due to resource limitations or an internal error, check ollama server logs for details',
  }
}

/** Counters at their start. */
export function noCounts(): FakeOllamaCounters {
  return {
    loads: 0,
    failedLoads: 0,
    abortedLoads: 0,
    reloads: 0,
    evictions: 0,
    unloads: 0,
    refusedBusy: 0,
    cancelled: 0,
    droppedMessages: 0,
    cutPrompts: 0,
    contextShifts: 0,
  }
}

/** Slots of a runner of this model. */
export function slotsOf(model: FakeModel, knobs: FakeOllamaKnobs): number {
  return model.capabilities.includes('completion') ? knobs.numParallel : 1
}
