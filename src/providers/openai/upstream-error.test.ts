import { describe, expect, test } from 'vitest'
import { toldError, upstreamError } from './upstream-error.ts'

function reasonOf(status: number, body: unknown): string | undefined {
  const told = toldError(status, body)
  return told && upstreamError('the engine', told).reason
}

describe('an error is found', () => {
  test.each([
    // llama-server, b11434
    [
      400,
      { error: { code: 400, message: 'too long', type: 'exceed_context_size_error', n_prompt_tokens: 9, n_ctx: 8 } },
      'context-too-long',
    ],
    [503, { error: { code: 503, message: 'Loading model', type: 'unavailable_error' } }, 'engine-busy'],
    [401, { error: { code: 401, message: 'Invalid API Key', type: 'authentication_error' } }, 'engine-refused'],
    [
      400,
      {
        error: { code: 400, message: 'JSON schema conversion failed:\nUnsupported ref', type: 'invalid_request_error' },
      },
      'schema-unsupported',
    ],
    [
      400,
      { error: { code: 400, message: 'logprobs is not supported with tools + stream', type: 'invalid_request_error' } },
      'logprobs-unsupported',
    ],
    [
      500,
      {
        error: {
          code: 500,
          message: 'image input is not supported - hint: if this is unexpected, you may need to provide the mmproj',
          type: 'server_error',
        },
      },
      'images-unsupported',
    ],
    [
      501,
      {
        error: {
          code: 501,
          message: 'This server does not support embeddings. Start it with `--embeddings`',
          type: 'not_supported_error',
        },
      },
      'engine-refused',
    ],
    // LM Studio
    [
      400,
      { error: 'The number of tokens to keep from the initial prompt is greater than the context length.' },
      'context-too-long',
    ],
    [200, { error: 'Unexpected endpoint or method. (GET /x)' }, 'engine-refused'],
    [
      404,
      {
        error: {
          message: 'No models loaded. Please load a model',
          type: 'invalid_request_error',
          param: 'model',
          code: null,
        },
      },
      'model-not-found',
    ],
    // vLLM, OpenAI
    [
      400,
      { object: 'error', message: "This model's maximum context length is 4096 tokens.", type: 'BadRequestError' },
      'context-too-long',
    ],
    [
      400,
      { error: { message: 'too long', type: 'invalid_request_error', code: 'context_length_exceeded' } },
      'context-too-long',
    ],
    [
      404,
      { error: { message: 'no such model', type: 'invalid_request_error', code: 'model_not_found' } },
      'model-not-found',
    ],
    [429, { error: { message: 'Rate limit reached' } }, 'engine-busy'],
    [422, { detail: 'field required' }, 'engine-refused'],
    [413, '', 'request-too-large'],
    [500, 'oops', 'engine-error'],
    [502, '<html>Bad gateway</html>', 'engine-error'],
    // inside of a stream that began well
    [200, { error: { code: 500, message: 'it failed', type: 'server_error' } }, 'engine-error'],
    [200, { error: { code: 400, message: 'x', type: 'exceed_context_size_error' } }, 'context-too-long'],
    [
      400,
      {
        error: {
          code: 400,
          message:
            'Unable to generate parser for this template. Automatic parser generation failed: JSON schema error at #: unsupported $ref',
          type: 'invalid_request_error',
        },
      },
      'schema-unsupported',
    ],
  ])('in %i %j: %s', (status, body, reason) => {
    expect(reasonOf(status, body)).toBe(reason)
  })

  test('in nothing that is none', () => {
    expect(toldError(200, { choices: [] })).toBeUndefined()
    expect(toldError(200, { error: null })).toBeUndefined()
    expect(toldError(200, 'text')).toBeUndefined()
    expect(toldError(200, undefined)).toBeUndefined()
  })
})

test('it is told with the engine’s own words, on one line, and what it counted', () => {
  const told = toldError(400, {
    error: { message: 'too\u001b[2J\nlong', type: 'exceed_context_size_error', n_prompt_tokens: 9, n_ctx: 8 },
  })
  expect(told && upstreamError('llama-server', told)).toMatchObject({
    message:
      'llama-server has no room for this prompt; it said: too[2J long. Send fewer messages, or give the model a larger window.',
    details: { status: 400, kind: 'exceed_context_size_error', promptTokens: 9, contextTokens: 8 },
  })
})

test('what it says is quoted in part', () => {
  const told = toldError(500, { error: 'x'.repeat(5_000) })
  expect(told && upstreamError('it', told).message.length).toBeLessThan(600)
})
