import type { CannedCall } from '../answering/answer-script.ts'

/** What a load may fail with, in llama.cpp's own lines. */
export type LoadFailure = 'out-of-memory' | 'context-out-of-memory' | 'corrupt' | 'unknown-architecture'

/** What a test turns, also while the server runs. Times in milliseconds. */
export interface FakeLlamaKnobs {
  /** Time a load takes. Default 0. */
  loadDelayMs: number
  /** The load fails so after its delay. Default: it does not. */
  loadFailure: LoadFailure | undefined
  /** The load never ends. Default false. */
  isLoadStuck: boolean
  /** Wait for each token of a prompt that was not cached; a batch is computed at once. Default 0. */
  promptTokenDelayMs: number
  /** Wait before each token of an answer. Default 0: one turn of the event loop. */
  tokenDelayMs: number
  /** The process dies when an answer has so many tokens. Default: never. */
  crashAfterTokens: number | undefined
  /** What it dies of. Default SIGABRT, as a failed assertion; SIGKILL is the kernel, for memory. */
  crashSignal: 'SIGABRT' | 'SIGKILL' | 'SIGSEGV'
  /** Nothing is computed any more once an answer has so many tokens; health is still told. Default: never. */
  hangAfterTokens: number | undefined
  /** Length of an answer that nothing else ends. Default 64. */
  answerTokens: number
  /** When set, a chat that offers tools and forces none is answered with these calls. */
  toolCalls: readonly CannedCall[]
  /** What the model thinks before it answers. Default '': nothing. */
  thinkingText: string
  /** Context that the model was trained for: the default of `-c`, and the most that a slot gets. Default 8192. */
  trainedContextTokens: number
  /** Length of an embedding. Default 64. */
  embeddingLength: number
  /** What becomes of states of slots: `ignored` = a restore says that it was done, and nothing is there; `refused` = each action is; `cut` = the last byte of a file does not reach the disk. */
  slotFault: 'ignored' | 'refused' | 'cut' | undefined
}

/** Counters that tests read; they only grow. */
export interface FakeLlamaCounters {
  /** Answers that came to their end. */
  answered: number
  /** Requests whose client went away before the end. */
  cancelled: number
  /** Tokens of prompts that were computed, those that were cached not. */
  computedPromptTokens: number
  generatedTokens: number
  /** Comments that keep a silent stream open. */
  pings: number
}

/** Defaults of every knob. */
export function defaultKnobs(): FakeLlamaKnobs {
  return {
    loadDelayMs: 0,
    loadFailure: undefined,
    isLoadStuck: false,
    promptTokenDelayMs: 0,
    tokenDelayMs: 0,
    crashAfterTokens: undefined,
    crashSignal: 'SIGABRT',
    hangAfterTokens: undefined,
    answerTokens: 64,
    toolCalls: [],
    thinkingText: '',
    trainedContextTokens: 8192,
    embeddingLength: 64,
    slotFault: undefined,
  }
}

/** Counters at their start. */
export function noCounts(): FakeLlamaCounters {
  return { answered: 0, cancelled: 0, computedPromptTokens: 0, generatedTokens: 0, pings: 0 }
}
