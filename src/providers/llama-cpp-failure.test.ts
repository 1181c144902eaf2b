import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { ERROR_TABLE } from '../spec/error-table.ts'
import { classifyLlamaCppFailure } from './llama-cpp-failure.ts'

const reasonOf = (text: string): string | undefined => classifyLlamaCppFailure(text)?.reason

describe('a text of llama.cpp or Ollama has one reason', () => {
  test.each([
    ["llama_model_load: error loading model: unknown model architecture: 'strange'", 'architecture-unsupported'],
    ["error loading model vocabulary: unknown pre-tokenizer type: 'new-bpe'", 'architecture-unsupported'],
    ["error loading model: missing tensor 'blk.0.attn_k_b.weight'", 'architecture-unsupported'],
    ["error loading model: tensor 'x' data is not within the file bounds, model is corrupted", 'model-file-corrupt'],
    ["gguf_init_from_file_impl: invalid magic characters: '<htm', expected 'GGUF'", 'model-file-corrupt'],
    ["gguf_init_from_file: failed to open GGUF file 'm.gguf' (No such file or directory)", 'model-file-missing'],
    [
      'llama_init_from_model: V cache type q8_0 with block size 32 does not divide n_embd_head_v=8',
      'model-options-invalid',
    ],
    ['llama_init_from_model: quantized V cache requires flash_attn to be enabled', 'model-options-invalid'],
    ['ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 1099', 'out-of-memory'],
    ["terminate called after throwing an instance of 'std::bad_alloc'", 'out-of-memory'],
    ['ggml_backend_cuda_buffer_type_alloc_buffer: cudaMalloc failed: out of memory', 'gpu-out-of-memory'],
    ['error loading model: unable to allocate Vulkan0 buffer', 'gpu-out-of-memory'],
    ['CUDA error: all CUDA-capable devices are busy or unavailable', 'gpu-unusable'],
    ["srv  start: couldn't bind HTTP server socket, hostname: 127.0.0.1, port: 8080", 'port-in-use'],
    ['Error: listen tcp 127.0.0.1:11434: bind: address already in use', 'port-in-use'],
    ['error: invalid argument: --nonsense', 'server-start-failed'],
    ['model requires more system memory (9.2 GiB) than is available (3.1 GiB)', 'out-of-memory'],
    ['llama runner process has terminated: signal: killed', 'out-of-memory'],
    ['timed out waiting for llama runner to start - progress 0.50 - ', 'load-timeout'],
    ['llama runner process has terminated: exit status 2', 'engine-lost'],
    ['an error was encountered while running the model: unexpected EOF', 'engine-lost'],
    [
      "llama runner process has terminated: error loading model: unknown model architecture: 'x'",
      'architecture-unsupported',
    ],
  ])('%s', (text, reason) => {
    expect(reasonOf(text)).toBe(reason)
  })

  test('what is not known has none', () => {
    expect(reasonOf('llama_model_load: something new')).toBeUndefined()
    expect(reasonOf('')).toBeUndefined()
  })
})

test('what will not change by itself is not tried again', () => {
  const isRetryable = (text: string): boolean => {
    const reason = classifyLlamaCppFailure(text)?.reason
    if (reason === undefined) throw new Error(`nothing is known of: ${text}`)
    return ERROR_TABLE[reason].isRetryable
  }
  for (const text of ["unknown model architecture: 'x'", 'failed to read magic', 'error: invalid argument: -y'])
    expect(isRetryable(text)).toBe(false)
  for (const text of ['out of memory', 'timed out waiting for llama runner', 'unexpected EOF', 'cudaMalloc failed'])
    expect(isRetryable(text)).toBe(true)
})

describe('the line that tells it is passed on', () => {
  test('without the time, the function and what only introduces it', () => {
    const text = [
      '0.00.020.113 I llama_model_loader: loaded meta data',
      "0.00.020.214 E llama_model_load: error loading model: unknown model architecture: 'strange'",
      '0.00.020.300 E llama_model_load_from_file_impl: failed to load model',
    ].join('\n')
    expect(classifyLlamaCppFailure(text)?.said).toBe("unknown model architecture: 'strange'")
  })

  test('cut where it is endless', () => {
    expect(classifyLlamaCppFailure(`out of memory ${'x'.repeat(10_000)}`)?.said).toHaveLength(301)
  })

  test('with what was free on the GPU, which tells whether others fill it', () => {
    const text = [
      'llama_model_load_from_file_impl: using device CUDA0 (NVIDIA H100) (0000:01:00.0) - 812 MiB free',
      'ggml_backend_cuda_buffer_type_alloc_buffer: allocating 4096.00 MiB on device 0: cudaMalloc failed: out of memory',
    ].join('\n')
    expect(classifyLlamaCppFailure(text)?.said).toContain('CUDA0 had 812 MiB free')
  })
})

test('an adapter that is missing is a fault of the settings, not of the model', () => {
  const text = [
    "gguf_init_from_file: failed to open GGUF file 'a.gguf' (No such file or directory)",
    'llama_adapter_lora_init: failed to apply lora adapter: failed to load lora adapter file from a.gguf',
  ].join('\n')
  expect(reasonOf(text)).toBe('model-options-invalid')
})

test('a warning that the engine lives with is no failure', () => {
  const text = 'warning: failed to mlock 1024-byte buffer (after previously locking 0 bytes): Cannot allocate memory'
  expect(reasonOf(text)).toBeUndefined()
})

describe('what engines really said', () => {
  const recorded = (engine: string, name: string): string =>
    readFileSync(new URL(`../../test/fixtures/engines/${engine}/${name}`, import.meta.url), 'utf8')

  test.each([
    [
      'missing-file',
      'model-file-missing',
      "failed to open GGUF file '/models/missing.gguf' (No such file or directory)",
    ],
    [
      'cut-file',
      'model-file-corrupt',
      "tensor 'blk.0.ffn_gate.weight' data is not within the file bounds, model is corrupted or incomplete",
    ],
    ['cut-header', 'model-file-corrupt', 'failed to read key-value pairs'],
    ['garbage-file', 'model-file-corrupt', "invalid magic characters: '<htm', expected 'GGUF'"],
    ['empty-file', 'model-file-corrupt', 'failed to read magic'],
    ['unknown-architecture', 'architecture-unsupported', "unknown model architecture: 'strange'"],
    ['missing-adapter', 'model-options-invalid', "failed to load lora adapter '/models/adapter.gguf'"],
    [
      'kv-type-does-not-fit',
      'model-options-invalid',
      'K cache type q8_0 with block size 32 does not divide n_embd_head_k=16',
    ],
    [
      'quantized-v-without-flash-attention',
      'model-options-invalid',
      'quantized V cache requires flash_attn to be enabled',
    ],
    ['wrong-flag', 'server-start-failed', 'invalid argument: --nonsense'],
    ['wrong-value', 'server-start-failed', 'error while handling argument "-c": stoi'],
    ['port-taken', 'port-in-use', "couldn't bind HTTP server socket, hostname: 127.0.0.1, port: "],
    ['no-memory-for-weights', 'out-of-memory', 'insufficient memory (attempted to allocate  49.14 MB)'],
    ['no-memory-for-context', 'out-of-memory', 'insufficient memory (attempted to allocate 1953.12 MB)'],
    // It ends before the line is out that says how much it wanted.
    ['no-memory-for-a-graph', 'out-of-memory', 'GGML_ASSERT(ctx->mem_buffer != NULL) failed'],
  ])('llama-server: %s', (name, reason, said) => {
    const failure = classifyLlamaCppFailure(recorded('llama-server-b11434-2026-11-27', `${name}.log`))
    expect(failure?.reason).toBe(reason)
    expect(failure?.said).toContain(said)
  })

  test.each([
    ['killed-while-loading', 'out-of-memory', 'signal: killed'],
    ['killed-mid-stream', 'engine-lost', 'unexpected EOF'],
    ['load-cut', 'model-file-corrupt', 'exceeds file size (300000)'],
    ['load-unknown-architecture', 'architecture-unsupported', 'unable to load model: '],
    ['load-without-memory', 'out-of-memory', 'model requires more system memory (119.2 GiB) than is available'],
    ['load-that-ends-the-runner', 'model-load-failed', 'check ollama server logs for details'],
  ])('Ollama: %s', (name, reason, said) => {
    const reply = recorded('ollama-0.17.4-2026-11-27', `${name}.txt`).trimEnd()
    const { error } = JSON.parse(reply.slice(reply.lastIndexOf('{"error"'))) as { error: string }
    const failure = classifyLlamaCppFailure(error)
    expect(failure?.reason).toBe(reason)
    expect(failure?.said).toContain(said)
  })

  test('Ollama: its log names the architecture that its API keeps to itself', () => {
    const failure = classifyLlamaCppFailure(recorded('ollama-0.17.4-2026-11-27', 'server.log'))
    expect(failure?.said).toContain("unknown model architecture: 'strange'")
  })

  test('llama-server: a start and a stop without a fault', () => {
    expect(reasonOf(recorded('llama-server-b11434-2026-11-27', 'start-and-stop.log'))).toBeUndefined()
  })
})
