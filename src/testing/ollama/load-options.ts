import { isDeepStrictEqual } from 'node:util'
import type { EngineAge } from './engine-age.ts'
import type { FakeModel } from './models.ts'
import { quoted, Refusal } from './refusal.ts'

/** Options that a runner is started with: to ask for others is to reload it. */
export interface LoadOptions {
  readonly numCtxTokens: number
  readonly isNumCtxAuto: boolean
  readonly numBatch: number
  readonly isNumBatchAuto: boolean
  readonly numGpu: number
  /** Null is "not said", which only the newer age can tell from 0. */
  readonly mainGpu: number | null
  readonly useMmap: boolean | null
  readonly numThread: number
  /** From 0.30 on. */
  readonly draftNumPredict: number | null
}

/** Options of one request that change what the fake answers; the others are checked and left. */
export interface RunOptions {
  readonly numPredictTokens: number
  readonly numKeepTokens: number
  readonly stop: readonly string[]
}

/** Everything that a reload depends on. */
export interface LoadSignature {
  readonly options: LoadOptions
  /** Context shift: a part of the signature from 0.30 on. */
  readonly isShifting: boolean
  readonly adapters: readonly string[]
  readonly projectors: readonly string[]
}

/** What of the server bears on options. */
export interface OptionDefaults {
  readonly age: EngineAge
  /** Memory of all GPUs, which chooses the context when nobody does. */
  readonly vramBytes: number
  /** `OLLAMA_CONTEXT_LENGTH`; 0 is "auto". */
  readonly contextTokens: number
}

type Kind = 'integer' | 'float32' | 'boolean' | 'array'

const KINDS: ReadonlyMap<string, Kind> = new Map([
  ...'num_ctx num_batch num_gpu main_gpu num_thread num_keep seed num_predict top_k repeat_last_n draft_num_predict'
    .split(' ')
    .map((name) => [name, 'integer'] as const),
  ...'top_p min_p typical_p temperature repeat_penalty presence_penalty frequency_penalty'
    .split(' ')
    .map((name) => [name, 'float32'] as const),
  ['use_mmap', 'boolean'],
  ['stop', 'array'],
])

const GIB = 2 ** 30
const LEAST_CTX_TOKENS = 4
const LEAST_VISION_CTX_TOKENS = 2_048

/**
 * Reads options: the model's own, and over them the request's. Null is "not said"; an unknown name is ignored.
 * Throws a 400 on a value of another type.
 */
export function readOptions(
  model: FakeModel,
  asked: Readonly<Record<string, unknown>> | undefined,
  defaults: OptionDefaults,
): { load: LoadOptions; run: RunOptions } {
  const isNew = defaults.age === 'llama-server'
  const given = givenOptions(model, asked, isNew)
  const integer = (name: string): number | undefined => given.get(name) as number | undefined
  const run = {
    numPredictTokens: integer('num_predict') ?? -1,
    numKeepTokens: integer('num_keep') ?? 4,
    stop: (given.get('stop') as readonly string[] | undefined) ?? [],
  }
  const numCtxTokens = contextOf(model, integer('num_ctx') ?? automaticContext(defaults), isNew)
  const load = {
    numCtxTokens,
    isNumCtxAuto: integer('num_ctx') === undefined,
    numBatch: integer('num_batch') ?? (isNew ? automaticBatch(numCtxTokens) : 512),
    isNumBatchAuto: isNew && integer('num_batch') === undefined,
    numGpu: integer('num_gpu') ?? -1,
    mainGpu: integer('main_gpu') ?? (isNew ? null : 0),
    useMmap: (given.get('use_mmap') as boolean | undefined) ?? null,
    numThread: integer('num_thread') ?? 0,
    draftNumPredict: isNew ? (integer('draft_num_predict') ?? 4) : null,
  }
  return { load, run }
}

/** Whether a runner that is loaded so has to be loaded again for who wants it so. Nothing else than this reloads. */
export function needsReload(age: EngineAge, loaded: LoadSignature, wanted: LoadSignature): boolean {
  const isNew = age === 'llama-server'
  if (isNew && loaded.isShifting !== wanted.isShifting) return true
  if (!isDeepStrictEqual(loaded.adapters, wanted.adapters)) return true
  if (!isDeepStrictEqual(loaded.projectors, wanted.projectors)) return true
  const kept = isNew ? withAutomaticKept(loaded.options, wanted.options) : wanted.options
  const compared = (options: LoadOptions): unknown => ({
    ...options,
    // A negative number of layers is "as many as it has".
    numGpu: wanted.options.numGpu < 0 ? -1 : options.numGpu,
    isNumCtxAuto: undefined,
    isNumBatchAuto: undefined,
  })
  return !isDeepStrictEqual(compared(loaded.options), compared(kept))
}

/** From 0.30 on, what was automatic then and is now stays as it came out then. */
function withAutomaticKept(loaded: LoadOptions, wanted: LoadOptions): LoadOptions {
  const isCtxKept = loaded.isNumCtxAuto && wanted.isNumCtxAuto
  const isBatchKept = loaded.isNumBatchAuto && wanted.isNumBatchAuto
  return {
    ...wanted,
    ...(isCtxKept && { numCtxTokens: loaded.numCtxTokens }),
    ...(isBatchKept && { numBatch: loaded.numBatch }),
  }
}

/** The options that were said, each of its type: a request's over the model's own. */
function givenOptions(
  model: FakeModel,
  asked: Readonly<Record<string, unknown>> | undefined,
  isNew: boolean,
): ReadonlyMap<string, unknown> {
  const given = new Map<string, unknown>()
  for (const [name, value] of [...Object.entries(model.parameters ?? {}), ...Object.entries(asked ?? {})]) {
    const kind = KINDS.get(name)
    if (kind === undefined || value === null || (name === 'draft_num_predict' && !isNew)) continue
    given.set(name, checked(name, value, kind))
  }
  return given
}

function automaticContext({ vramBytes, contextTokens }: OptionDefaults): number {
  if (contextTokens > 0) return contextTokens
  if (vramBytes >= 47 * GIB) return 262_144
  return vramBytes >= 23 * GIB ? 32_768 : 4_096
}

/** Raised to what an engine needs; only the newer age holds it down to what the model was trained for. */
function contextOf(model: FakeModel, wantedTokens: number, isNew: boolean): number {
  const least = model.capabilities.includes('vision') ? LEAST_VISION_CTX_TOKENS : LEAST_CTX_TOKENS
  const raised = Math.max(least, wantedTokens)
  return isNew ? Math.min(raised, model.trainedContextTokens) : raised
}

function automaticBatch(numCtxTokens: number): number {
  if (numCtxTokens <= 4_096) return 512
  return numCtxTokens > 32_768 ? 2_048 : 1_024
}

function checked(name: string, value: unknown, kind: Kind): unknown {
  const wrong = (what: string): Refusal => new Refusal(400, `option ${quoted(name)} must be of type ${what}`)
  switch (kind) {
    case 'integer':
      if (typeof value !== 'number') throw wrong('integer')
      return Math.trunc(value)
    case 'float32':
      if (typeof value !== 'number') throw wrong('float32')
      return value
    case 'boolean':
      if (typeof value !== 'boolean') throw wrong('boolean')
      return value
    case 'array':
      if (!Array.isArray(value)) throw wrong('array')
      if (!value.every((each) => typeof each === 'string')) {
        throw new Refusal(400, `option ${quoted(name)} must be of an array of strings`)
      }
      return value
  }
}
