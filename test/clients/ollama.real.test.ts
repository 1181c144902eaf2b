import { Ollama } from 'ollama'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  CAPITAL,
  isIdleSoon,
  isWeather,
  LONG_TALE,
  OVERLONG,
  rejectionOf,
  SYSTEM,
  WEATHER_SCHEMA,
} from '../support/client-questions.ts'
import { smollm2Daemon } from '../support/smollm2-daemon.ts'

/* npm `ollama`, unchanged, with the real model. */

const { daemon } = smollm2Daemon()
const model = 'smollm2'
const options = { temperature: 0, num_predict: 12 }
let client: Ollama

beforeAll(() => {
  client = new Ollama({ host: daemon().url })
})

const user = (content: string): { role: string; content: string }[] => [{ role: 'user', content }]

describe('models', () => {
  test('are listed and shown', async () => {
    const { models } = await client.list()
    expect(models.map(({ name }) => name)).toContain(model)
    expect(models[0]?.size).toBeGreaterThan(90_000_000)
    const shown = await client.show({ model })
    expect(shown.details.family).toBe('llama')
    expect(shown.capabilities).toContain('completion')
    expect(shown.model_info).toHaveProperty('llama.context_length', 8_192)
  })

  test('are asked for with a tag, too', async () => {
    const { message } = await client.chat({ model: `${model}:latest`, messages: user(CAPITAL), options })
    expect(message.content).toContain('Paris')
  })

  test('come, stay and go by keep_alive', async () => {
    const loaded = await client.generate({ model, prompt: '', keep_alive: -1 })
    expect(loaded).toMatchObject({ done: true, response: '' })
    expect((await daemon().client.status()).models.find(({ id }) => id === model)?.expiresAtMs).toBeNull()
    const { models } = await client.ps()
    expect(models).toMatchObject([{ name: model, context_length: 8_192 }])
    await client.generate({ model, prompt: '', keep_alive: 0 })
    expect((await client.ps()).models).toEqual([])
    const shortMs = Date.now()
    await client.chat({ model, messages: user('Hi'), options: { num_predict: 1 }, keep_alive: '10m' })
    const expiresAt = new Date((await client.ps()).models[0]?.expires_at ?? 0).getTime()
    expect(expiresAt - shortMs).toBeGreaterThanOrEqual(600_000)
    expect(expiresAt - shortMs).toBeLessThan(660_000)
  })
})

describe('chat', () => {
  test('whole, with what it took', async () => {
    const messages = [{ role: 'system', content: SYSTEM }, ...user(CAPITAL)]
    const answer = await client.chat({ model, messages, options })
    expect(answer.message).toMatchObject({ role: 'assistant', content: expect.stringContaining('Paris') as unknown })
    expect(answer).toMatchObject({ model, done: true, done_reason: 'stop' })
    expect(answer.prompt_eval_count).toBeGreaterThan(10)
    expect(answer.eval_count).toBeGreaterThan(2)
    expect(answer.total_duration).toBeGreaterThan(answer.eval_duration)
    expect(answer.eval_duration).toBeGreaterThan(0)
  })

  test('streamed, in pieces', async () => {
    const pieces: string[] = []
    const ends: boolean[] = []
    for await (const chunk of await client.chat({ model, messages: user(CAPITAL), options, stream: true })) {
      if (chunk.message.content !== '') pieces.push(chunk.message.content)
      ends.push(chunk.done)
    }
    expect(pieces.length).toBeGreaterThan(2)
    expect(pieces.join('')).toContain('Paris')
    expect(ends.indexOf(true)).toBe(ends.length - 1)
  })

  test('the limit on tokens is the reason, and a text stops', async () => {
    const cut = await client.chat({ model, messages: user(LONG_TALE), options: { num_predict: 3 } })
    expect(cut).toMatchObject({ done_reason: 'length', eval_count: 3 })
    const stopped = await client.chat({ model, messages: user(CAPITAL), options: { ...options, stop: ['Paris'] } })
    expect(stopped).toMatchObject({ done_reason: 'stop', message: { content: 'The capital of France is ' } })
  })

  test('a second turn uses what the first one left', async () => {
    const question = user('Name a colour of the rainbow, please.')
    const first = await client.chat({ model, messages: question, options })
    const messages = [...question, first.message, ...user('More?')]
    const second = await client.chat({ model, messages, options })
    const { cached_tokens: cached } = (second as unknown as { grym: { cached_tokens: number } }).grym
    expect(cached).toBeGreaterThanOrEqual(first.prompt_eval_count)
  })

  test('an answer keeps to a JSON schema', async () => {
    const asked = { model, messages: user('The weather in Paris?'), options: { num_predict: 60 } }
    const { message } = await client.chat({ ...asked, format: WEATHER_SCHEMA })
    expect(isWeather(message.content)).toBe(true)
  })

  test('log probabilities of each token', async () => {
    const asked = { model, messages: user(CAPITAL), options: { ...options, num_predict: 4 } }
    const { message, logprobs } = await client.chat({ ...asked, logprobs: true, top_logprobs: 2 })
    expect(logprobs?.map(({ token }) => token).join('')).toBe(message.content)
    expect(logprobs?.every(({ top_logprobs: top }) => top?.length === 2)).toBe(true)
  })
})

describe('without a chat', () => {
  test('text, whole and streamed', async () => {
    const { response } = await client.generate({ model, prompt: CAPITAL, system: SYSTEM, options })
    expect(response).toContain('Paris')
    const pieces: string[] = []
    for await (const chunk of await client.generate({
      model,
      prompt: CAPITAL,
      system: SYSTEM,
      options,
      stream: true,
    })) {
      pieces.push(chunk.response ?? '')
    }
    expect(pieces.length).toBeGreaterThan(2)
    expect(pieces.join('')).toBe(response)
  })

  test('text that is continued as it is', async () => {
    const asked = { model, prompt: 'The capital of France is', options: { ...options, num_predict: 4 } }
    expect((await client.generate({ ...asked, raw: true })).response).toContain('Paris')
  })

  test('texts become vectors', async () => {
    const { embeddings, prompt_eval_count: count } = await client.embed({ model, input: ['A cat.', 'A king.'] })
    expect(embeddings.map(({ length }) => length)).toEqual([576, 576])
    expect(count).toBeGreaterThan(4)
  })
})

describe('what goes wrong is an error of the client that says what', () => {
  test('a model that nobody has', async () => {
    const error = await rejectionOf(client.chat({ model: 'smollm3', messages: user('Hi') }))
    expect(error).toMatchObject({ name: 'ResponseError', status_code: 404 })
    expect(String(error)).toMatch(/smollm3.*smollm2/s)
  })

  test('tools for a model that does not know them', async () => {
    const called = { name: 'get_weather', description: 'The weather of a city.', parameters: WEATHER_SCHEMA }
    const tools = [{ type: 'function', function: called }] as unknown as []
    const error = await rejectionOf(client.chat({ model, messages: user('The weather in Rome?'), tools }))
    expect(error).toMatchObject({ name: 'ResponseError', status_code: 400 })
    expect(String(error)).toContain('tool')
  })

  test('a value that is not allowed', async () => {
    const hot = { temperature: 'hot' as unknown as number }
    const error = await rejectionOf(client.chat({ model, messages: user('Hi'), options: hot }))
    expect(error).toMatchObject({ name: 'ResponseError', status_code: 400 })
    expect(String(error)).toContain('temperature')
  })

  test('a prompt that is too long, which nobody cuts', async () => {
    const error = await rejectionOf(client.chat({ model, messages: user(OVERLONG) }))
    expect(error).toMatchObject({ name: 'ResponseError', status_code: 400 })
    expect(String(error)).toContain('8192')
  })

  test('models are made by somebody else', async () => {
    const error = await rejectionOf(client.copy({ source: model, destination: 'other' }))
    expect(error).toMatchObject({ name: 'ResponseError', status_code: 501 })
  })
})

test('who leaves a stream frees the place', async () => {
  const asked = { model, messages: user(LONG_TALE), options: { num_predict: 2_000 } }
  const stream = await client.chat({ ...asked, stream: true })
  let pieces = 0
  const read = async (): Promise<void> => {
    for await (const _ of stream) if (++pieces === 3) stream.abort()
  }
  expect(await rejectionOf(read())).toMatchObject({ name: 'AbortError' })
  expect(await isIdleSoon(daemon())).toBe(true)
})
