import type { GpuPlacement } from '../../spec/gpu-placement.ts'
import type { EngineOptions, ModelDefinition } from '../../spec/model.ts'
import type { OwnParameters } from './ollama-replies.ts'

/**
 * What a runner was started with. Ollama loads the weights again for a request that brings other values than these, so
 * every request of a model brings exactly these (`needsReload` in server/sched.go of 0.17.4 and 0.33.0).
 */
export interface LoadSignature {
  /** Of each slot: how many there are is the server's setting. */
  readonly contextTokens: number
  readonly batchTokens: number
  /** Layers on GPUs; −1 = as many as Ollama thinks fit. */
  readonly gpuLayers: number
  /** 0 = as Ollama chooses. */
  readonly threads: number
  /** Absent where nobody says: that cannot be written out. */
  readonly mayMap?: boolean
  readonly mainGpu?: number
}

/**
 * Tokens evaluated at once. Ollama's own default in 0.17.4; later versions choose up to 2,048, and since a prompt that
 * is given up stops at the end of its batch, a large one keeps the next request waiting for seconds.
 */
const BATCH_TOKENS = 512

/** How a model is to be loaded. All that can be written out is, so that another name's own parameters change nothing. */
export function loadSignature(
  definition: Pick<ModelDefinition, 'contextTokens' | 'gpu'> & { readonly engine?: Pick<EngineOptions, 'batchTokens'> },
  own: OwnParameters | undefined,
  placement: GpuPlacement | undefined,
): LoadSignature {
  // Where GPUs were reckoned with and none was given, it is to stay off them.
  const gpuLayers = placement ? placement.layers : definition.gpu ? 0 : (own?.gpuLayers ?? -1)
  return {
    contextTokens: definition.contextTokens,
    batchTokens: definition.engine?.batchTokens ?? own?.batchTokens ?? BATCH_TOKENS,
    gpuLayers,
    threads: own?.threads ?? 0,
    ...(own?.mayMap !== undefined && { mayMap: own.mayMap }),
    ...(own?.mainGpu !== undefined && { mainGpu: own.mainGpu }),
  }
}

/** What becomes of a runner when another model comes to its weights. */
export interface Joining {
  readonly signature: LoadSignature
  /** It has to be loaded again, larger. */
  readonly isReload: boolean
  /** By itself the newcomer would have had it loaded again. */
  readonly isReloadAvoided: boolean
}

/**
 * Two names for the same weights share a runner, so its window is the larger one of theirs: the second name takes what
 * is there where its own window fits in, and has it loaded once more where it does not. All else stays as the first had it.
 */
export function joinSignature(loaded: LoadSignature, wanted: LoadSignature): Joining {
  if (wanted.contextTokens > loaded.contextTokens) {
    return { signature: { ...loaded, contextTokens: wanted.contextTokens }, isReload: true, isReloadAvoided: false }
  }
  return { signature: loaded, isReload: false, isReloadAvoided: !isSameSignature(loaded, wanted) }
}

export function isSameSignature(a: LoadSignature, b: LoadSignature): boolean {
  return JSON.stringify(runnerOptions(a)) === JSON.stringify(runnerOptions(b))
}

/** As Ollama's `options` have it. */
export function runnerOptions(signature: LoadSignature): Readonly<Record<string, number | boolean>> {
  const { contextTokens, batchTokens, gpuLayers, threads, mayMap, mainGpu } = signature
  return {
    num_ctx: contextTokens,
    num_batch: batchTokens,
    num_gpu: gpuLayers,
    num_thread: threads,
    ...(mayMap !== undefined && { use_mmap: mayMap }),
    ...(mainGpu !== undefined && { main_gpu: mainGpu }),
  }
}

/**
 * What every request carries beside its options: nothing of a prompt is cut without a word, and a full window ends the
 * answer. `shift` is a part of the signature from 0.30 on.
 */
export const CONSTANT_FIELDS = { truncate: false, shift: false } as const
