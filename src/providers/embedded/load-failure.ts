import type { ErrorReason } from '../../spec/error-reason.ts'
import { ResourceError, resourceError } from '../../spec/errors.ts'
import { ollamaWayOut } from '../../spec/ollama-way-out.ts'
import { classifyLlamaCppFailure, type LlamaCppFailure } from '../llama-cpp-failure.ts'

/**
 * Names the cause of a failed load. The engine's library says only "Failed to load model"; what llama.cpp printed says
 * why.
 */
export function classifyLoadFailure(error: unknown, log: string, fileName: string, isOnGpu = false): ResourceError {
  if (error instanceof ResourceError && error.reason !== 'internal') return asLoadFailure(error, isOnGpu)
  const text = `${error instanceof Error ? error.message : String(error)}\n${log}`
  const options = { details: { fileName, log }, cause: error }
  const failure = classifyLlamaCppFailure(text)
  if (failure?.reason === 'gpu-out-of-memory' && isOnGpu) return noGpuMemory(failure, options)
  // A buffer for a GPU that was not asked for is memory like any other.
  const reason = failure?.reason === 'gpu-out-of-memory' ? 'out-of-memory' : failure?.reason
  const words = reason && WORDS[reason]
  if (failure && words) return resourceError(reason, words(fileName, failure.said), options)
  if (isNotInstalled(text)) return notInstalled(options)
  const lastLine = log.split('\n').findLast((line) => line.trim() !== '')
  const said = lastLine ? ` It said: ${lastLine.trim()}` : ''
  return resourceError('model-load-failed', `The engine failed to load ${fileName}.${said}`, options)
}

const WORDS: Readonly<Partial<Record<ErrorReason, (fileName: string, said: string) => string>>> = {
  'architecture-unsupported': (fileName, said) =>
    `The engine does not know this kind of model, ${fileName} (${said}). Update grym, or use another engine.`,
  'model-file-corrupt': (fileName, said) =>
    `${fileName} is cut short or damaged (${said}). Remove it and get it again with \`grym pull\`.`,
  'model-file-missing': (fileName) => `${fileName} is gone. Get it again with \`grym pull\`.`,
  'model-options-invalid': (fileName, said) =>
    `What is configured for ${fileName} does not go with it (${said}). Set kvType to f16, or mend its adapters.`,
  'out-of-memory': (fileName) => `The engine found no memory for ${fileName}. Free memory or use a smaller context.`,
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
  const failure = isOnGpu ? classifyLlamaCppFailure(log) : undefined
  if (failure?.reason === 'gpu-out-of-memory') return noGpuMemory(failure, options)
  if (isNotInstalled(log)) return notInstalled(options)
  const message = `The engine ended while it loaded (${detail || 'stuck'}).`
  // Drivers end processes, too; whether it was the model's fault shows without them.
  return resourceError(isOnGpu ? 'gpu-load-failed' : 'model-load-failed', message, options)
}

type ErrorOptions = Parameters<typeof resourceError>[2]

function noGpuMemory({ said }: LlamaCppFailure, options: ErrorOptions): ResourceError {
  const message = `The GPU had no room for the layers that were to lie there (${said}).`
  return resourceError('gpu-out-of-memory', message, options)
}

function isNotInstalled(text: string): boolean {
  return /Cannot find (module|package)|ERR_MODULE_NOT_FOUND|No prebuilt|NoBinaryFoundError/i.test(text)
}

function notInstalled(options: ErrorOptions): ResourceError {
  const message = 'The embedded engine is not installed. Run `npm install` again with optional dependencies allowed.'
  return resourceError('engine-missing', message, options)
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
