import { expect, test } from 'vitest'
import type { ModelWish } from '../../spec/model-wish.ts'
import { ServedManager } from '../../../test/support/served-manager.ts'

async function post(path: string, body: object): Promise<{ readonly status: number; readonly body: unknown }> {
  await using served = await ServedManager.start()
  const response = await fetch(`${served.url}/api/${path}`, { method: 'POST', body: JSON.stringify(body) })
  return { status: response.status, body: await response.json() }
}

test.each([
  ['one', [[3]]],
  [
    ['one', 'three'],
    [[3], [5]],
  ],
])('vectors of %j', async (input, embeddings) => {
  const { body } = await post('embed', { model: 'a', input, truncate: true })
  const tokens = [input].flat().join('').length
  expect(body).toEqual({ model: 'a', embeddings, total_duration: expect.any(Number), prompt_eval_count: tokens })
})

test.each([{}, { input: '' }, { input: [] }])('nothing to embed loads the model: %j', async (body) => {
  expect((await post('embed', { model: 'a', ...body })).body).toMatchObject({ model: 'a', embeddings: [] })
  expect((await post('embed', { model: 'unknown', ...body })).status).toBe(404)
})

test('the older call', async () => {
  expect((await post('embeddings', { model: 'a', prompt: 'one' })).body).toEqual({ embedding: [3] })
  expect((await post('embeddings', { model: 'a' })).body).toEqual({ embedding: [] })
})

test('vectors are as long as the model makes them', async () => {
  expect((await post('embed', { input: 'a', dimensions: 1 })).status).toBe(200)
  const { status, body } = await post('embed', { input: 'a', dimensions: 2 })
  expect(status).toBe(400)
  expect(body).toMatchObject({ error: expect.stringContaining('the vectors of this model have 1') })
})

test.each([
  [{ input: 7 }, 'invalid input type'],
  [{ input: [''] }, 'invalid input type'],
  [{ input: Array.from({ length: 2_049 }, () => 'a') }, 'invalid input type'],
  [{ input: 'a', options: { num_ctx: 'x' } }, 'option "num_ctx" must be of type integer'],
])('%j is refused', async (fields, words) => {
  const { status, body } = await post('embed', fields)
  expect(status).toBe(400)
  expect(body).toMatchObject({ error: expect.stringContaining(words) })
})

test('2048 texts are as many as go', async () => {
  const { body } = await post('embed', { input: Array.from({ length: 2_048 }, () => 'a') })
  expect((body as { embeddings: unknown[] }).embeddings).toHaveLength(2_048)
})

test('what is wished of the model goes with it', async () => {
  await using served = await ServedManager.start()
  const wishes: (ModelWish | undefined)[] = []
  const embed = served.manager.embed.bind(served.manager)
  served.manager.embed = (
    ...[model, inputs, , wish]: [string | undefined, readonly string[], AbortSignal?, ModelWish?]
  ) => {
    wishes.push(wish)
    return embed(model, inputs)
  }
  const body = JSON.stringify({ input: 'a', keep_alive: -1, options: { num_ctx: 512 } })
  await fetch(`${served.url}/api/embed`, { method: 'POST', body })
  expect(wishes).toEqual([{ keepAliveMs: null, contextTokens: 512 }])
})
