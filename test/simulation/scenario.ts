import type { ErrorReason } from '../../src/spec/error-reason.ts'
import { DEFAULT_ENGINE_OPTIONS, type ModelDefinition } from '../../src/spec/model.ts'
import type { ModelWish } from '../../src/spec/model-wish.ts'
import type { EngineLossCause } from '../../src/spec/provider.ts'
import type { RequestKind } from '../../src/core/world.ts'
import type { AllocationRequest } from '../../src/spec/status.ts'
import type { Settings } from '../../src/spec/settings.ts'
import { DEFAULT_SETTINGS } from '../../src/spec/settings.ts'
import { randomOf } from './random.ts'

const MB = 1_000_000

/** What a person, a client or the world does at a moment. */
export type Act = { readonly atMs: number } & (
  | {
      readonly type: 'ask'
      readonly requestId: string
      readonly modelId: string
      readonly kind: RequestKind
      readonly allocation?: AllocationRequest
      readonly requestHash: string
      readonly patienceMs: number
      readonly wish?: ModelWish
    }
  | { readonly type: 'unload'; readonly requestId: string; readonly modelId: string }
  | { readonly type: 'pin'; readonly requestId: string; readonly modelId: string; readonly pinned: boolean }
  /** Another program takes or gives back memory. */
  | { readonly type: 'foreignMemory'; readonly bytes: number }
  /** Another program takes or gives back memory of a GPU. */
  | { readonly type: 'foreignGpuMemory'; readonly gpu: number; readonly bytes: number }
  /** An engine process is kept ready. */
  | { readonly type: 'spare'; readonly bytes: number }
  /** An engine process is killed or stopped from outside, whatever it does. */
  | { readonly type: 'kill'; readonly engineKey: string; readonly cause: EngineLossCause }
  /** The laptop sleeps: nothing happens for a while. */
  | { readonly type: 'sleep'; readonly gapMs: number }
  /** The daemon is asked to end: what runs is finished, nothing new begins. */
  | { readonly type: 'stop' }
  /** The daemon is killed and started again: its clients lose their connections, its engines die with it. */
  | { readonly type: 'restart' }
)

export interface LoadFate {
  readonly afterMs: number
  readonly failure: ErrorReason | undefined
}

export interface AnswerFate {
  /** First byte after this long. */
  readonly firstMs: number
  readonly afterMs: number
  readonly outcome: 'ok' | 'engine-error' | EngineLossCause
}

export interface UnloadFate {
  readonly afterMs: number
  readonly fails: boolean
}

/** A whole seeded story: who asks what, and how every engine call will end. */
export interface Scenario {
  readonly seed: number
  readonly settings: Settings
  readonly totalBytes: number
  /** Memory of each GPU; empty where there is none. */
  readonly gpuBytes: readonly number[]
  readonly definitions: readonly ModelDefinition[]
  readonly acts: readonly Act[]
  readonly endAtMs: number
  /** True size of what the estimate calls 1. */
  actualRatio(modelId: string): number
  loadFate(modelId: string, attempt: number): LoadFate
  answerFate(requestId: string, attempt: number): AnswerFate
  unloadFate(modelId: string, attempt: number): UnloadFate
}

export const START_MS = 1_000_000
/** Clients that come this long after the daemon was asked to end still find it there. */
const AFTER_STOP_MS = 5_000

/** @param options.restarts false leaves restarts out: a real manager cannot be killed inside one process. */
export function makeScenario(seed: number, options: { readonly restarts: boolean } = { restarts: true }): Scenario {
  const random = randomOf(seed, 'scenario')
  const totalBytes = random.integer(1_000, 4_000) * MB
  const gpuBytes = makeGpus(seed, totalBytes)
  const definitions = makeDefinitions(seed, totalBytes).map((definition) => withGpuNeed(seed, gpuBytes, definition))
  const faultiness = random.pick([0, 0, 0.05, 0.2, 0.5])
  // A model that is broken for its first attempts and then mended: the circuit opens, and closes again.
  const brokenAttempts = random.chance(0.15) ? random.integer(4, 6) : 0
  const endAtMs = START_MS + random.timeMs(60_000, 400_000)
  return {
    seed,
    settings: { ...makeSettings(seed), gpuBackend: gpuBytes.length > 0 ? 'cuda' : null },
    totalBytes,
    gpuBytes,
    definitions,
    acts: makeActs(seed, definitions, { totalBytes, gpuBytes }, endAtMs, faultiness).filter(
      (act) => options.restarts || act.type !== 'restart',
    ),
    endAtMs,
    actualRatio: (modelId) => 0.95 + randomOf(seed, 'actual', modelId).ratio() * 0.12,
    loadFate(modelId, attempt) {
      if (attempt <= brokenAttempts) return { afterMs: 100 + attempt / 1024, failure: 'model-load-failed' }
      const fate = randomOf(seed, 'load', modelId, attempt)
      const failures = [
        'model-load-failed',
        'model-file-corrupt',
        'engine-lost',
        'out-of-memory',
        'gpu-unusable',
      ] as const
      const isSlow = fate.chance(faultiness / 4)
      const afterMs = isSlow ? fate.timeMs(100_000, 500_000) : fate.timeMs(1, 4_000)
      return { afterMs, failure: fate.chance(faultiness) ? fate.pick(failures) : undefined }
    },
    answerFate(requestId, attempt) {
      const fate = randomOf(seed, 'answer', requestId, attempt)
      const firstMs = fate.timeMs(1, 2_000)
      const outcomes = ['engine-error', 'crashed', 'stuck', 'out-of-memory'] as const
      const outcome = fate.chance(faultiness) ? fate.pick(outcomes) : 'ok'
      // A loss may come before the first byte as well as after it.
      const afterMs =
        outcome === 'ok' || fate.chance(0.5) ? firstMs + fate.timeMs(1, 8_000) : fate.timeMs(0, firstMs - 0.5)
      return { firstMs, afterMs: Math.max(afterMs, 1 / 1024), outcome }
    },
    unloadFate(modelId, attempt) {
      const fate = randomOf(seed, 'unload', modelId, attempt)
      return { afterMs: fate.timeMs(1, 500), fails: fate.chance(faultiness / 5) }
    },
  }
}

function makeSettings(seed: number): Settings {
  const random = randomOf(seed, 'settings')
  return {
    ...DEFAULT_SETTINGS,
    limits: {
      maxModelsLoaded: random.integer(1, 4),
      memoryThreshold: random.pick([0.5, 0.8, 0.9]),
      inactivityTimeoutMs: 30_000,
      loadTimeoutMs: random.pick([20_000, 60_000, 300_000]),
      maxQueuedRequests: random.pick([3, 20, 512]),
      maxBusyEngines: random.integer(1, 4),
      whenFull: random.chance(0.85) ? 'evict' : 'reject',
    },
  }
}

function makeDefinitions(seed: number, totalBytes: number): ModelDefinition[] {
  const random = randomOf(seed, 'models')
  let last = { engineKey: '', weightsBytes: 0 }
  return Array.from({ length: random.integer(1, 6) }, (_, index): ModelDefinition => {
    const isSharing = index > 0 && random.chance(0.2)
    const ownBytes = Math.floor(totalBytes * (0.05 + random.ratio() * (random.chance(0.1) ? 1.2 : 0.4)))
    if (!isSharing) last = { engineKey: `weights-${index}`, weightsBytes: ownBytes }
    const { engineKey, weightsBytes } = last
    return {
      id: `model-${index}`,
      platform: 'local',
      engineKey,
      contextTokens: 2_048,
      parallel: random.pick([1, 1, 2, 4]),
      engine: DEFAULT_ENGINE_OPTIONS,
      estimate: {
        weightsBytes,
        contextBytes: Math.floor(weightsBytes / 3),
        processBytes: 40 * MB,
        source: 'estimated',
      },
      pinned: random.chance(0.05),
      maxPromptBytes: null,
      idleTimeoutMs: random.chance(0.15) ? null : random.chance(0.2) ? 'default' : random.timeMs(2_000, 60_000),
      defaults: {},
      priority: random.pick([0, 0, 0, -5, 5]),
    }
  })
}

/** Half of all stories have clients that wish for something, each in a third of its requests. */
function makeWish(seed: number, index: number): { readonly wish?: ModelWish } {
  const random = randomOf(seed, 'wish', index)
  if (seed % 2 === 0 || random.chance(0.65)) return {}
  const wish = {
    ...(random.chance(0.5) && { keepAliveMs: random.pick([0, 0, null, random.timeMs(1_000, 50_000)]) }),
    ...(random.chance(0.3) && { priority: random.integer(-10, 10) }),
    ...(random.chance(0.15) && { pinned: random.chance(0.4) }),
    ...(random.chance(0.5) && { contextTokens: random.pick([512, 2_048, 4_096, 8_192, 1_000_000]) }),
  }
  return { wish }
}

/** The model with a window as large as is wished for, whatever that takes: it is for the core to find that it does not fit. */
export function withWindow(definition: ModelDefinition, contextTokens: number): ModelDefinition {
  const { estimate } = definition
  const contextBytes = Math.floor((estimate.contextBytes * contextTokens) / definition.contextTokens)
  return { ...definition, contextTokens, estimate: { ...estimate, contextBytes } }
}

/** Most machines have none; the others one or two. */
function makeGpus(seed: number, totalBytes: number): readonly number[] {
  const random = randomOf(seed, 'gpus')
  const count = random.pick([0, 0, 1, 2])
  return Array.from({ length: count }, () => 600 * MB + Math.floor(totalBytes * random.ratio()))
}

/** Layers of equal size for what the estimate calls weights and context. */
function withGpuNeed(seed: number, gpuBytes: readonly number[], definition: ModelDefinition): ModelDefinition {
  const random = randomOf(seed, 'layers', definition.engineKey)
  if (gpuBytes.length === 0 || random.chance(0.1)) return definition
  const { weightsBytes, contextBytes } = definition.estimate
  const count = random.integer(1, 40)
  const layers = Array.from({ length: count }, (_, place) => ({
    weightsBytes: Math.floor(weightsBytes / (count + 1)),
    contextBytes: place === 0 ? 0 : Math.floor(contextBytes / count),
    isCopy: place === 0,
  }))
  const mostLayers = random.chance(0.2) ? random.integer(0, count) : Infinity
  return { ...definition, gpu: { layers, mostLayers, scratchBytes: 10 * MB } }
}

function makeActs(
  seed: number,
  definitions: readonly ModelDefinition[],
  { totalBytes, gpuBytes }: Pick<Scenario, 'totalBytes' | 'gpuBytes'>,
  endAtMs: number,
  faultiness: number,
): Act[] {
  const random = randomOf(seed, 'acts')
  const acts: Act[] = []
  const count = random.pick([5, 20, 60])
  const spread = random.chance(0.3) ? 0.02 : 0.7
  const moment = (): number => random.timeMs(START_MS + 1, START_MS + 1 + (endAtMs - START_MS) * spread)
  for (let index = 0; index < count; index++) {
    acts.push({
      ...makeWish(seed, index),
      type: 'ask',
      atMs: moment(),
      requestId: `request-${index}`,
      modelId: random.pick(definitions).id,
      kind: random.chance(0.1) ? 'load' : 'infer',
      requestHash: `request-${index}`,
      patienceMs: random.chance(0.1) ? random.timeMs(1, 8_000) : Infinity,
    })
  }
  for (let index = 0; index < count / 8; index++) {
    const modelId = random.pick(definitions).id
    if (random.chance(0.6)) acts.push({ type: 'unload', atMs: moment(), requestId: `unload-${index}`, modelId })
    if (random.chance(0.3)) {
      acts.push({ type: 'pin', atMs: moment(), requestId: `pin-${index}`, modelId, pinned: random.chance(0.5) })
    }
    if (random.chance(0.4)) {
      acts.push({ type: 'foreignMemory', atMs: moment(), bytes: Math.floor(totalBytes * random.ratio() * 0.7) })
    }
    const gpu = random.integer(0, 3)
    const gpuTotalBytes = gpuBytes[gpu]
    if (gpuTotalBytes !== undefined) {
      const bytes = Math.floor(gpuTotalBytes * random.ratio() * 0.8)
      acts.push({ type: 'foreignGpuMemory', atMs: moment(), gpu, bytes })
    }
    if (random.chance(0.4)) acts.push({ type: 'spare', atMs: moment(), bytes: 90 * MB })
    if (random.chance(faultiness)) {
      const cause = random.pick(['crashed', 'stuck', 'out-of-memory', 'taken'] as const)
      acts.push({ type: 'kill', atMs: moment(), engineKey: random.pick(definitions).engineKey, cause })
    }
  }
  for (let index = 0; random.chance(0.3) && index < 4; index++) {
    const requiredBytes = Math.floor(totalBytes * random.ratio() * 0.6)
    const requestId = `allocation-${index}`
    acts.push({
      type: 'ask',
      atMs: moment(),
      requestId,
      modelId: random.pick(definitions).id,
      kind: 'allocate',
      allocation: { requiredBytes, preferredBytes: Math.floor(requiredBytes * (1 + random.ratio())) },
      requestHash: requestId,
      patienceMs: Infinity,
    })
  }
  if (random.chance(0.1)) acts.push({ type: 'restart', atMs: moment() })
  if (random.chance(0.1)) acts.push({ type: 'stop', atMs: moment() })
  const isStopping = acts.some((act) => act.type === 'stop')
  if (!isStopping && random.chance(0.1))
    acts.push({ type: 'sleep', atMs: moment(), gapMs: random.timeMs(60_000, 40_000_000) })
  const stopAtMs = acts.find((act) => act.type === 'stop')?.atMs ?? Infinity
  return acts.filter((act) => act.atMs < stopAtMs + AFTER_STOP_MS).sort((a, b) => a.atMs - b.atMs)
}
