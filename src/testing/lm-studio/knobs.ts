import type { CannedCall } from '../answering/answer-script.ts'

/** What a test turns, also while the application runs. Times in milliseconds; models by their keys. */
export interface FakeStudioKnobs {
  /** A request loads the model that it asks for. Default true. */
  isJit: boolean
  /** A model that was loaded by a request goes when another one is; those loaded by hand or by the API stay. Default true. */
  isAutoEvicting: boolean
  /** Two first requests at once each load an instance, as was seen. Default true. */
  isJitRacing: boolean
  /** How long a model stays that a request loaded, without a `ttl` of its own. Default 60 minutes. */
  jitTtlMs: number
  /** Token that every request has to bring. Default: none is asked for. */
  apiToken: string | undefined
  /** Largest sum of what is loaded; a load beyond it is refused. Default `Infinity`. */
  guardrailLimitBytes: number
  /** What a token of context adds to a load, for the guardrail. Default 128 KiB. */
  contextTokenBytes: number
  /** Time a load takes. Default 0. */
  loadDelayMs: number
  /** From the request to unload until the instance is gone, and answered. Default 0. */
  unloadDelayMs: number
  /** Loads of these models fail with this text after their delay, until taken out. */
  readonly loadFailures: Map<string, string>
  /** Status of a load that fails over `/api/v1/models/load`. Not known of the real one. Default 500. */
  loadFailureStatus: number
  /** Context of a load that names none. Default 4096. */
  contextTokens: number
  /** Requests that an instance answers at once. Default 4. */
  parallel: number
  /** Wait before each token of an answer. Default 0: one turn of the event loop. */
  tokenDelayMs: number
  /** Wait for each token of a prompt that was not cached. Default 0. */
  promptTokenDelayMs: number
  /** An instance dies when an answer has so many tokens. Default: never. */
  crashAfterTokens: number | undefined
  /** How a stream says that its prompt does not fit: by an event, or by nothing at all. Both were seen. Default `event`. */
  overflowStream: 'event' | 'empty'
  /** Length of an answer that nothing else ends. Default 64. */
  answerTokens: number
  /** When set, a chat that offers tools and forces none is answered with these calls. */
  toolCalls: readonly CannedCall[]
  /** What a model thinks before it answers. Default '': nothing. */
  thinkingText: string
}

/** Counters that tests read; they only grow. */
export interface FakeStudioCounters {
  /** Loads that succeeded, by key, whoever asked. */
  readonly loads: Map<string, number>
  /** Loads of a model that was loaded already: each made a second instance. */
  duplicates: number
  /** Loads that a request for an answer caused. */
  jitLoads: number
  failedLoads: number
  /** Instances that left, for whatever reason. */
  unloads: number
  /** Of those, the ones that went for another model. */
  evictions: number
  /** Of those, the ones whose time was over. */
  expirations: number
  /** Requests that a model answered which they had not asked for. */
  substitutions: number
  /** Requests whose client went away before the end. */
  cancelled: number
}

/** Defaults of every knob; maps are new ones. */
export function defaultKnobs(): FakeStudioKnobs {
  return {
    isJit: true,
    isAutoEvicting: true,
    isJitRacing: true,
    jitTtlMs: 3_600_000,
    apiToken: undefined,
    guardrailLimitBytes: Infinity,
    contextTokenBytes: 131_072,
    loadDelayMs: 0,
    unloadDelayMs: 0,
    loadFailures: new Map(),
    loadFailureStatus: 500,
    contextTokens: 4096,
    parallel: 4,
    tokenDelayMs: 0,
    promptTokenDelayMs: 0,
    crashAfterTokens: undefined,
    overflowStream: 'event',
    answerTokens: 64,
    toolCalls: [],
    thinkingText: '',
  }
}

/** Counters at their start. */
export function noCounts(): FakeStudioCounters {
  return {
    loads: new Map(),
    duplicates: 0,
    jitLoads: 0,
    failedLoads: 0,
    unloads: 0,
    evictions: 0,
    expirations: 0,
    substitutions: 0,
    cancelled: 0,
  }
}
