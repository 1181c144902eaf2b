import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ServedManager } from '../../../test/support/served-manager.ts'
import { resourceError } from '../../spec/errors.ts'

let served: ServedManager
/** Texts of the last call. */
let asked: readonly string[] = []

beforeEach(async () => {
  served = await ServedManager.start()
  asked = []
  served.manager.embed = async (model, inputs) => {
    if (model === 'unknown') throw resourceError('model-not-found', "Unknown model 'unknown'.")
    asked = inputs
    return { modelId: model ?? 'a', vectors: inputs.map((input) => [input.length, 0.1, -1 / 3]), promptTokens: 7 }
  }
})

afterEach(() => served[Symbol.asyncDispose]())

function embed(body: unknown): Promise<Response> {
  return fetch(`${served.url}/v1/embeddings`, { method: 'POST', body: JSON.stringify(body) })
}

interface Answer {
  readonly data: readonly { readonly index: number; readonly embedding: unknown }[]
}

async function vectorsOf(body: object): Promise<readonly unknown[]> {
  return ((await (await embed(body)).json()) as Answer).data.map(({ embedding }) => embedding)
}

async function refusal(body: unknown): Promise<{ status: number; param: unknown; message: string }> {
  const response = await embed(body)
  const { error } = (await response.json()) as { error: { param: unknown; message: string } }
  expect(asked).toEqual([])
  return { status: response.status, param: error.param, message: error.message }
}

test('one text gives one vector, in the form of OpenAI’s', async () => {
  const response = await embed({ model: 'more/ü', input: 'four' })
  expect(await response.json()).toEqual({
    object: 'list',
    data: [{ object: 'embedding', index: 0, embedding: [4, 0.1, -1 / 3] }],
    model: 'more/ü',
    usage: { prompt_tokens: 7, total_tokens: 7 },
  })
  expect(response.headers.get('x-grym-model')).toBe('more/%C3%BC')
  expect(asked).toEqual(['four'])
})

test('many texts give as many vectors, in their order', async () => {
  const answer = (await (await embed({ input: ['four', 'x', 'seven!!'] })).json()) as Answer
  expect(answer.data.map(({ index, embedding }) => [index, (embedding as number[])[0]])).toEqual([
    [0, 4],
    [1, 1],
    [2, 7],
  ])
})

test('base64 is the same numbers as float32, little-endian', async () => {
  const input = ['four', 'seven!!']
  const floats = (await vectorsOf({ input, encoding_format: 'float' })) as readonly number[][]
  const texts = (await vectorsOf({ input, encoding_format: 'base64' })) as readonly string[]
  const decoded = texts.map((text) => {
    const bytes = Buffer.from(text, 'base64')
    return Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(index * 4))
  })
  expect(decoded).toEqual(floats.map((vector) => vector.map(Math.fround)))
})

describe('refused before a model is asked', () => {
  test.each<[string, unknown, string | null]>([
    ['an empty text', { input: '' }, 'input'],
    ['an empty text among others', { input: ['x', ''] }, 'input[1]'],
    ['an empty list', { input: [] }, 'input'],
    ['tokens instead of text', { input: [1, 2] }, 'input'],
    ['no input', { model: 'a' }, 'input'],
    ['null for input', { input: null }, 'input'],
    ['dimensions', { input: 'x', dimensions: 256 }, 'dimensions'],
    ['another format', { input: 'x', encoding_format: 'int8' }, 'encoding_format'],
    ['a model that is a number', { input: 'x', model: 5 }, 'model'],
    ['null', null, null],
    ['a list', [], null],
    ['a text', 'x', null],
  ])('%s', async (_, body, param) => {
    expect(await refusal(body)).toMatchObject({ status: 400, param })
  })

  test('of its words the refusal says what is allowed', async () => {
    expect((await refusal({ input: [] })).message).toContain('1 to 2048')
    expect((await refusal({ input: 'x', dimensions: 1 })).message).toContain('dimensions: is not served')
  })
})

test('fields that are null are as if they were not there', async () => {
  expect(await vectorsOf({ input: 'x', model: null, encoding_format: null, dimensions: null })).toHaveLength(1)
})

test.each([
  [2_047, 200],
  [2_048, 200],
  [2_049, 400],
])('%i texts where 2,048 are allowed: %i', async (count, status) => {
  expect((await embed({ input: Array.from({ length: count }, () => 'x') })).status).toBe(status)
})

test('an unknown model is 404', async () => {
  const response = await embed({ model: 'unknown', input: 'x' })
  expect([response.status, await response.json()]).toEqual([
    404,
    { error: expect.objectContaining({ code: 'model_not_found', message: "Unknown model 'unknown'." }) },
  ])
})

test('a client that leaves aborts the request', async () => {
  const begun = Promise.withResolvers<AbortSignal>()
  Object.assign(served.manager, {
    embed(_model: unknown, _inputs: unknown, signal: AbortSignal): Promise<never> {
      begun.resolve(signal)
      return new Promise(() => {})
    },
  })
  const leaving = new AbortController()
  const init = { method: 'POST', body: '{"input":"x"}', signal: leaving.signal }
  const response = fetch(`${served.url}/v1/embeddings`, init).catch(() => 'left')
  const signal = await begun.promise
  leaving.abort()
  await expect.poll(() => signal.aborted).toBe(true)
  expect(await response).toBe('left')
})
