import { open } from 'node:fs/promises'
import type { LoadFailure } from './knobs.ts'

/** A line of llama.cpp's log, after its time: how bad it is, and what it says. */
export type LogLine = `${'E' | 'I'} ${string}`

/** One more line as it is written: minutes, seconds, milliseconds and microseconds since the start stand before it. */
export function logText(line: LogLine, sinceStartMs: number): string {
  const padded = (value: number, digits: number): string => String(value).padStart(digits, '0')
  const ms = Math.floor(sinceStartMs)
  const seconds = Math.floor(ms / 1000)
  return `${Math.floor(seconds / 60)}.${padded(seconds % 60, 2)}.${padded(ms % 1000, 3)}.000 ${line}`
}

/**
 * What llama-server writes when a model cannot be loaded, before its process ends. `undefined` where the file is there
 * and begins like a GGUF; nothing else of it is read. Recorded from llama.cpp b11434, but for the lines of memory that
 * weights did not get, which are those of its source.
 */
export async function loadFailureLines(
  path: string,
  failure: LoadFailure | undefined,
): Promise<readonly LogLine[] | undefined> {
  const cause = (await fileFailure(path)) ?? (failure && failure !== 'context-out-of-memory' && MODEL_FAILURES[failure])
  if (cause) {
    // It tries once to see what fits, and once in earnest.
    const tried: LogLine[] = [...cause, 'E llama_model_load_from_file_impl: failed to load model']
    const why = 'encountered an error while trying to fit params to free device memory: failed to load model'
    const failed: LogLine[] = [
      `E cmn  common_init_: failed to load model '${path}'`,
      `E srv    load_model: failed to load model, '${path}'`,
    ]
    return [...tried, `E common_fit_params: ${why}`, ...tried, ...failed, ...ENDING]
  }
  if (failure === undefined) return undefined
  const failed: LogLine = `E cmn  common_init_: failed to create context with model '${path}'`
  const last: LogLine = `E srv    load_model: failed to create_context with model '${path}'`
  return [...CONTEXT_FAILURE, failed, failed, last, ...ENDING]
}

const ENDING: readonly LogLine[] = [
  'I srv    operator(): operator(): cleaning up before exit...',
  'E srv  llama_server: exiting due to model loading error',
]
const CONTEXT_FAILURE: readonly LogLine[] = [
  'E ggml_aligned_malloc: insufficient memory (attempted to allocate 3906.25 MB)',
  'E ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 4096000000',
  'E ggml_backend_buft_alloc_buffer_n_default: failed to allocate CPU buffer of size 4096000000',
  'E llama_init_from_model: failed to initialize the context: failed to allocate buffer for kv cache',
]
const MODEL_FAILURES: Readonly<Record<Exclude<LoadFailure, 'context-out-of-memory'>, readonly LogLine[]>> = {
  'out-of-memory': [
    'E ggml_aligned_malloc: insufficient memory (attempted to allocate 16384.00 MB)',
    'E ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 17179869184',
    'E alloc_tensor_range: failed to allocate CPU buffer of size 17179869184',
    'E llama_model_load: error loading model: unable to allocate CPU buffer',
  ],
  corrupt: [
    "E llama_model_load: error loading model: tensor 'blk.0.ffn_up.weight' data is not within the file bounds, model is corrupted or incomplete",
  ],
  'unknown-architecture': ["E llama_model_load: error loading model: unknown model architecture: 'nonsense'"],
}

async function fileFailure(path: string): Promise<readonly LogLine[] | undefined> {
  const failed: LogLine = `E llama_model_load: error loading model: llama_model_loader: failed to load model from ${path}`
  const magic = await readMagic(path)
  if (magic === 'GGUF') return undefined
  if (magic === undefined) {
    return [`E gguf_init_from_file: failed to open GGUF file '${path}' (No such file or directory)`, failed]
  }
  return [`E gguf_init_from_reader: invalid magic characters: '${magic}', expected 'GGUF'`, failed]
}

/** `undefined` where no file is. */
async function readMagic(path: string): Promise<string | undefined> {
  try {
    const file = await open(path)
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0)
      return buffer.toString('latin1', 0, bytesRead).replaceAll(/[^ -~]/g, '?')
    } finally {
      await file.close()
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return undefined
    throw error
  }
}
