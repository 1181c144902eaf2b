import { describe, expect, test } from 'vitest'
import { resourceError } from '../../spec/errors.ts'
import { toldError, upstreamError } from '../openai/upstream-error.ts'
import { isTaken, lmStudioFailure, type LmStudioTask } from './failure.ts'

function failureOf(status: number, body: unknown, task: LmStudioTask): ReturnType<typeof lmStudioFailure> {
  const told = toldError(status, body)
  if (!told) throw new Error('It is no refusal.')
  return lmStudioFailure(upstreamError('LM Studio', told), task, 'a/b')
}

const GUARDRAIL =
  'Model loading was stopped due to insufficient system resources. Under the current settings, this model requires approximately 22.92 GB of memory.'

describe('what LM Studio refuses has a reason', () => {
  test.each([
    [
      401,
      { error: { type: 'invalid_request', message: 'An LM Studio API token is required' } },
      'list',
      'engine-refused',
    ],
    [500, { error: { type: 'unknown', message: GUARDRAIL } }, 'load', 'out-of-memory'],
    [400, { error: { message: `Failed to load model "x". Error: ${GUARDRAIL}` } }, 'answer', 'out-of-memory'],
    [
      404,
      { error: { type: 'model_not_found', message: 'Invalid model identifier "x"' } },
      'load',
      'model-file-missing',
    ],
    [200, { error: 'Unexpected endpoint or method. (POST /api/v1/models/load)' }, 'load', 'engine-refused'],
    [
      400,
      { error: { code: 'unrecognized_keys', message: "Unrecognized key(s) in object: 'ttl'" } },
      'load',
      'engine-refused',
    ],
    [
      404,
      { error: { message: 'No models loaded. Please load a model in the developer page' } },
      'load',
      'engine-refused',
    ],
    [500, { error: { code: 'model_load_failed', message: 'Failed to load model' } }, 'load', 'model-load-failed'],
    [
      500,
      { error: { message: "error loading model: unknown model architecture: 'x'" } },
      'load',
      'architecture-unsupported',
    ],
    [500, { error: { message: 'cudaMalloc failed: out of memory' } }, 'load', 'gpu-out-of-memory'],
    [
      400,
      { error: 'The number of tokens to keep from the initial prompt is greater than the context length.' },
      'answer',
      'context-too-long',
    ],
    [200, { error: 'Model unloaded.' }, 'answer', 'engine-lost'],
    [
      200,
      { error: { message: 'The model has crashed without additional information. (Exit code: 6)' } },
      'answer',
      'engine-lost',
    ],
    [500, { error: { message: 'something new' } }, 'unload', 'unload-failed'],
    [500, { error: { message: 'something new' } }, 'answer', 'engine-error'],
  ] as const)('%i %j, asked to %s: %s', (status, body, task, reason) => {
    expect(failureOf(status, body, task).reason).toBe(reason)
  })
})

test('its own words are passed on, and a guardrail is not called an error of the model', () => {
  const failure = failureOf(500, { error: { message: GUARDRAIL } }, 'load')
  expect(failure.message).toContain('22.92 GB')
  expect(failure.message).toContain("'a/b'")
  expect(failure.isRetryable).toBe(true)
})

test('what it did not say itself stays as it is', () => {
  const away = resourceError('engine-unreachable', 'away')
  expect(lmStudioFailure(away, 'load', 'a/b')).toBe(away)
})

test('a model that was taken is told from one that crashed', () => {
  expect(isTaken(failureOf(200, { error: 'Model unloaded.' }, 'answer'))).toBe(true)
  expect(isTaken(failureOf(200, { error: 'The model has crashed' }, 'answer'))).toBe(false)
})
