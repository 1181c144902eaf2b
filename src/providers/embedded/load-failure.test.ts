import { describe, expect, test } from 'vitest'
import { resourceError } from '../../spec/errors.ts'
import { asOllamaFailure, classifyLoadFailure } from './load-failure.ts'

const failed = new Error('Failed to load model')

describe('what llama.cpp printed says why a load failed', () => {
  test.each([
    ["llama_model_load: error loading model: unknown model architecture: 'strange'", 'architecture-unsupported'],
    [
      "tensor 'output.weight' data is not within the file bounds, model is corrupted or incomplete",
      'model-file-corrupt',
    ],
    ['gguf_init_from_file: failed to read magic', 'model-file-corrupt'],
    ['Invalid GGUF magic. Expected "GGUF" but got "<htm".', 'model-file-corrupt'],
    ['ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 1', 'out-of-memory'],
    ['llama_model_load: something new', 'model-load-failed'],
    ['', 'model-load-failed'],
  ])('%s', (log, reason) => {
    const error = classifyLoadFailure(failed, log, 'm.gguf')
    expect(error.reason).toBe(reason)
    expect(error.cause).toBe(failed)
  })

  test('only failures that may pass are worth another attempt', () => {
    expect(classifyLoadFailure(failed, "unknown model architecture: 'x'", 'm.gguf').isRetryable).toBe(false)
    expect(classifyLoadFailure(failed, 'failed to allocate', 'm.gguf').isRetryable).toBe(true)
  })

  test('what it said last is passed on to the person', () => {
    expect(classifyLoadFailure(failed, 'one\ntwo: it broke\n\n', 'm.gguf').message).toContain('two: it broke')
  })
})

describe('an engine that ended while it loaded', () => {
  const lost = (details: Record<string, unknown>): Error => resourceError('engine-lost', 'ended', { details })

  test('killed from outside says nothing about the model', () => {
    const error = lost({ cause: 'crashed', detail: 'signal SIGKILL' })
    expect(classifyLoadFailure(error, '', 'm.gguf')).toBe(error)
  })

  test('killed by the kernel for memory', () => {
    const error = lost({ cause: 'out-of-memory', detail: 'signal SIGKILL' })
    expect(classifyLoadFailure(error, '', 'm.gguf').reason).toBe('out-of-memory')
  })

  test('ended by itself counts as a failed load', () => {
    const error = lost({ cause: 'crashed', detail: 'signal SIGABRT' })
    expect(classifyLoadFailure(error, '', 'm.gguf').reason).toBe('model-load-failed')
  })

  test('because its library is not installed', () => {
    const error = lost({ cause: 'crashed', detail: 'exit code 1', log: 'Error [ERR_MODULE_NOT_FOUND]: …' })
    expect(classifyLoadFailure(error, '', 'm.gguf').reason).toBe('engine-missing')
  })
})

test('an error that is named already keeps its name', () => {
  const error = resourceError('model-file-missing', 'gone')
  expect(classifyLoadFailure(error, "unknown model architecture: 'x'", 'm.gguf')).toBe(error)
})

describe('a file of Ollama’s', () => {
  test.each([
    ["unknown model architecture: 'mllama'", 'architecture-unsupported'],
    ['done_getting_tensors: wrong number of tensors; expected 883, got 444', 'architecture-unsupported'],
    ['gguf_init_from_file: failed to read magic', 'model-file-corrupt'],
  ])('that is refused is called by its name, with the ways out: %s', (log, reason) => {
    const error = asOllamaFailure(classifyLoadFailure(failed, log, 'sha256-0'), 'old:7b')
    expect(error.reason).toBe(reason)
    expect(error.message).toContain(`Ollama's file of 'old:7b' (it said: ${log}): it may be in a form of Ollama's own.`)
    for (const way of ['`ollama pull old:7b`', 'start Ollama', '`grym pull`']) expect(error.message).toContain(way)
    expect(error.message).not.toContain('sha256-')
  })

  test('what it gives as its reason is passed on, not that it failed in the end', () => {
    const log = "llama_model_load: error loading model: unknown model architecture: 'mllama'\nfailed to load model\n"
    const { message } = asOllamaFailure(classifyLoadFailure(failed, log, 'sha256-0'), 'old:7b')
    expect(message).toContain("(it said: unknown model architecture: 'mllama')")
  })

  test('a failure that has nothing to do with the file stays as it is', () => {
    const failure = classifyLoadFailure(failed, 'failed to allocate', 'sha256-0')
    expect(asOllamaFailure(failure, 'old:7b')).toBe(failure)
  })
})
