import { ResourceError, resourceError } from '../../spec/errors.ts'
import { ollamaWayOut } from '../../spec/ollama-way-out.ts'

/**
 * Names the cause of a failed load. The engine's library says only "Failed to load model"; what llama.cpp printed says
 * why. Texts of llama.cpp as of node-llama-cpp 3.21.1: `unknown model architecture: 'x'` (llama-model.cpp),
 * `tensor 'x' data is not within the file bounds` and `failed to read tensor` (llama-model-loader.cpp, gguf.cpp),
 * `unable to allocate … buffer` (llama-model.cpp, llama-kv-cache.cpp), `K cache type q8_0 with block size 32 does not
 * divide n_embd_head_k` (llama-context.cpp).
 */
export function classifyLoadFailure(error: unknown, log: string, fileName: string, isOnGpu = false): ResourceError {
  if (error instanceof ResourceError && error.reason !== 'internal') return asLoadFailure(error, isOnGpu)
  const text = `${error instanceof Error ? error.message : String(error)}\n${log}`
  const architecture = /unknown model architecture:\s*'([^']*)'/.exec(text)
  const details = { fileName, log }
  if (architecture) {
    const message = `The engine does not know the architecture '${architecture[1]}' of ${fileName}. Update grym, or use another engine.`
    return resourceError('architecture-unsupported', message, { details, cause: error })
  }
  if (
    /not within the file bounds|failed to read|invalid (?:gguf )?magic|bad magic|is corrupted|unexpectedly reached end/i.test(
      text,
    )
  ) {
    const message = `${fileName} is cut short or damaged. Remove it and get it again with \`grym pull\`.`
    return resourceError('model-file-corrupt', message, { details, cause: error })
  }
  if (isOnGpu && GPU_MEMORY.test(text)) return noGpuMemory({ details, cause: error })
  if (/unable to allocate|failed to allocate|out of memory|insufficient memory/i.test(text)) {
    const message = `The engine found no memory for ${fileName}. Free memory or use a smaller context.`
    return resourceError('out-of-memory', message, { details, cause: error })
  }
  if (/(?:K|V) cache type \S+ with block size \d+ does not divide/.test(text)) {
    const message = `The type of the KV cache does not fit ${fileName}: its attention heads are too narrow for it. Set kvType to f16.`
    return resourceError('model-options-invalid', message, { details, cause: error })
  }
  if (/Cannot find (module|package)|ERR_MODULE_NOT_FOUND|No prebuilt|NoBinaryFoundError/i.test(text)) {
    const message = 'The embedded engine is not installed. Run `npm install` again with optional dependencies allowed.'
    return resourceError('engine-missing', message, { details, cause: error })
  }
  const lastLine = log.split('\n').findLast((line) => line.trim() !== '')
  const said = lastLine ? ` It said: ${lastLine.trim()}` : ''
  return resourceError('model-load-failed', `The engine failed to load ${fileName}.${said}`, { details, cause: error })
}

/**
 * The same failure in words for a file of Ollama's, where the file may be its cause: Ollama's engine translates forms of
 * its own while it loads them (old metadata, a projector among the tensors), llama.cpp does not.
 */
export function asOllamaFailure(failure: ResourceError, ollamaName: string): ResourceError {
  if (!MAY_BE_THE_FILE.has(failure.reason)) return failure
  const log = textOf(failure.details?.['log'])
  // llama.cpp gives its reason first (llama-model.cpp), and last that it failed.
  const reason = /error loading model: (.+)/.exec(log)?.[1] ?? log.split('\n').findLast((line) => line.trim() !== '')
  const said = reason ? ` (it said: ${reason.trim()})` : ''
  const message = `The engine does not take Ollama's file of '${ollamaName}'${said}: it may be in a form of Ollama's own. ${ollamaWayOut(ollamaName)}`
  return resourceError(failure.reason, message, {
    ...(failure.details && { details: failure.details }),
    cause: failure,
  })
}

const MAY_BE_THE_FILE: ReadonlySet<string> = new Set([
  'architecture-unsupported',
  'model-file-corrupt',
  'model-load-failed',
])

/**
 * An engine that ended while it loaded. Killed from outside says nothing about the model; ending by itself (a native
 * abort, an exit code) does.
 */
function asLoadFailure(error: ResourceError, isOnGpu: boolean): ResourceError {
  const cause = error.details?.['cause']
  const detail = textOf(error.details?.['detail'])
  const options = { ...(error.details && { details: error.details }), cause: error }
  if (error.reason !== 'engine-lost' && error.reason !== 'engine-stuck') return error
  if (cause === 'out-of-memory') {
    return resourceError('out-of-memory', 'The kernel killed the engine for lack of memory while it loaded.', options)
  }
  if (error.reason === 'engine-lost' && detail === 'signal SIGKILL') return error
  const log = textOf(error.details?.['log'])
  if (isOnGpu && GPU_MEMORY.test(log)) return noGpuMemory(options)
  if (/ERR_MODULE_NOT_FOUND|Cannot find (module|package)|NoBinaryFoundError/i.test(log)) {
    const message = 'The embedded engine is not installed. Run `npm install` again with optional dependencies allowed.'
    return resourceError('engine-missing', message, options)
  }
  const message = `The engine ended while it loaded (${detail || 'stuck'}).`
  // Drivers end processes, too; whether it was the model's fault shows without them.
  return resourceError(isOnGpu ? 'gpu-load-failed' : 'model-load-failed', message, options)
}

/**
 * `unable to allocate CUDA0 buffer` (llama-model.cpp), `failed to allocate Vulkan0 buffer` (llama-context.cpp),
 * `cudaMalloc failed: out of memory`, `CUDA error: out of memory` (ggml-cuda.cu), `Device memory allocation of size … failed`,
 * `ErrorOutOfDeviceMemory` (ggml-vulkan.cpp).
 */
const GPU_MEMORY =
  /(?:unable|failed) to allocate (?:CUDA|Vulkan|MTL|Metal)\d+|cudaMalloc failed|CUDA error: out of memory|Device memory allocation of size|OutOfDeviceMemory/i

function noGpuMemory(options: Parameters<typeof resourceError>[2]): ResourceError {
  return resourceError('gpu-out-of-memory', 'The GPU had no room for the layers that were to lie there.', options)
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
