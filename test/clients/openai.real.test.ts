import OpenAI, { APIUserAbortError, BadRequestError, NotFoundError } from 'openai'
import { zodResponseFormat } from 'openai/helpers/zod'
import { beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  SYSTEM,
  CAPITAL,
  isIdleSoon,
  isWeather,
  LONG_TALE,
  OVERLONG,
  rejectionOf,
  WEATHER_RESULT,
  WEATHER_SCHEMA,
} from '../support/client-questions.ts'
import { smollm2Daemon } from '../support/smollm2-daemon.ts'

/* npm `openai`, unchanged, with the real model: all that its API has and grym serves, but Responses. */

const { daemon } = smollm2Daemon()
const MODEL = 'smollm2'
let client: OpenAI

beforeAll(() => {
  client = new OpenAI({ baseURL: `${daemon().url}/v1`, apiKey: 'unused' })
})

type Message = OpenAI.ChatCompletionMessageParam
const asked = (content: string): Message[] => [{ role: 'user', content }]
const capital: Message[] = [{ role: 'system', content: SYSTEM }, ...asked(CAPITAL)]

test('models are listed and described', async () => {
  const ids: string[] = []
  for await (const { id } of client.models.list()) ids.push(id)
  expect(ids).toContain(MODEL)
  expect(await client.models.retrieve(MODEL)).toMatchObject({ id: MODEL, object: 'model', owned_by: 'grym' })
})

describe('chat', () => {
  test('whole, with what it took', async () => {
    const answer = await client.chat.completions.create({
      model: MODEL,
      messages: capital,
      temperature: 0,
      max_completion_tokens: 12,
    })
    expect(answer.choices[0]?.message.content).toContain('Paris')
    expect(answer.model).toBe(MODEL)
    const { prompt_tokens: prompt, completion_tokens: completion, total_tokens: total } = answer.usage ?? {}
    expect(prompt).toBeGreaterThan(10)
    expect(completion).toBeGreaterThan(0)
    expect(total).toBe((prompt ?? 0) + (completion ?? 0))
  })

  test('a system prompt is heard', async () => {
    const ask = async (system: string): Promise<number | undefined> => {
      const messages: Message[] = [{ role: 'system', content: system }, ...asked('Hi')]
      return (await client.chat.completions.create({ model: MODEL, messages, max_tokens: 1 })).usage?.prompt_tokens
    }
    expect(await ask('You are a pirate who answers in rhymes of the sea.')).toBeGreaterThan((await ask('Be.')) ?? 0)
  })

  test('streamed, in pieces, the usage last when it is asked for', async () => {
    const stream = await client.chat.completions.create({
      model: MODEL,
      messages: capital,
      temperature: 0,
      max_tokens: 12,
      stream: true,
      stream_options: { include_usage: true },
    })
    const pieces: string[] = []
    let usage: OpenAI.CompletionUsage | null | undefined
    let reason: string | null | undefined
    for await (const chunk of stream) {
      const text = chunk.choices[0]?.delta.content
      if (text) pieces.push(text)
      reason = chunk.choices[0]?.finish_reason ?? reason
      usage = chunk.usage ?? usage
    }
    expect(pieces.join('')).toContain('Paris')
    expect(pieces.length).toBeGreaterThan(2)
    expect(reason).toBe('stop')
    expect(usage?.prompt_tokens_details?.cached_tokens).toBeTypeOf('number')
    expect(usage?.completion_tokens).toBeGreaterThan(2)
  })

  test("the client's own stream helper puts the same answer together", async () => {
    const stream = client.chat.completions.stream({
      model: MODEL,
      messages: capital,
      temperature: 0,
      max_tokens: 12,
    })
    const deltas: string[] = []
    stream.on('content', (delta) => deltas.push(delta))
    expect(await stream.finalContent()).toBe(deltas.join(''))
    expect(deltas.join('')).toContain('Paris')
  })

  test('the limit on tokens is said to be the reason', async () => {
    const { choices, usage } = await client.chat.completions.create({
      model: MODEL,
      messages: asked(LONG_TALE),
      max_tokens: 3,
    })
    expect(choices[0]?.finish_reason).toBe('length')
    expect(usage?.completion_tokens).toBe(3)
  })

  test('ends where it is to stop, without the text that stopped it', async () => {
    const body = { model: MODEL, messages: capital, temperature: 0, max_tokens: 12 }
    const whole = (await client.chat.completions.create(body)).choices[0]?.message.content ?? ''
    const { choices } = await client.chat.completions.create({ ...body, stop: ['Paris'] })
    expect(choices[0]?.finish_reason).toBe('stop')
    expect(choices[0]?.message.content).toBe(whole.slice(0, whole.indexOf('Paris')))
  })

  test('a second turn uses what the first one left', async () => {
    const question: Message[] = asked('Name a colour of the rainbow, please.')
    const body = { model: MODEL, temperature: 0, max_tokens: 8 }
    const first = await client.chat.completions.create({ ...body, messages: question })
    const { message } = first.choices[0] ?? {}
    const messages: Message[] = [...question, { role: 'assistant', content: message?.content ?? '' }, ...asked('More?')]
    const second = await client.chat.completions.create({ ...body, messages })
    const firstTokens = first.usage?.prompt_tokens ?? 0
    expect(second.usage?.prompt_tokens_details?.cached_tokens).toBeGreaterThanOrEqual(firstTokens)
  })

  test('log probabilities of each token', async () => {
    const { choices } = await client.chat.completions.create({
      model: MODEL,
      messages: asked(CAPITAL),
      temperature: 0,
      max_tokens: 4,
      logprobs: true,
      top_logprobs: 2,
    })
    const tokens = choices[0]?.logprobs?.content ?? []
    expect(tokens.map(({ token }) => token).join('')).toBe(choices[0]?.message.content)
    expect(tokens.every(({ logprob, top_logprobs: top }) => logprob <= 0 && top.length === 2)).toBe(true)
  })
})

describe('forms of an answer', () => {
  test('a JSON schema is kept to', async () => {
    const { choices } = await client.chat.completions.create({
      model: MODEL,
      messages: asked('The weather in Paris?'),
      max_tokens: 60,
      response_format: { type: 'json_schema', json_schema: { name: 'weather', strict: true, schema: WEATHER_SCHEMA } },
    })
    expect(isWeather(choices[0]?.message.content)).toBe(true)
  })

  test('the client parses what it described with zod', async () => {
    const Weather = z.object({ warm: z.boolean(), kind: z.enum(['sun', 'rain']) })
    const { choices } = await client.chat.completions.parse({
      model: MODEL,
      messages: asked('The weather in Paris?'),
      max_tokens: 60,
      response_format: zodResponseFormat(Weather, 'weather'),
    })
    expect(Weather.safeParse(choices[0]?.message.parsed).success).toBe(true)
  })

  const tools: OpenAI.ChatCompletionTool[] = [
    {
      type: 'function',
      function: { name: 'get_weather', description: 'The weather of a city.', parameters: { ...WEATHER_SCHEMA } },
    },
  ]

  test('a call that is asked for is made, and its result answered', async () => {
    const messages = asked('What is the weather in Paris?')
    const first = await client.chat.completions.create({
      model: MODEL,
      messages,
      tools,
      tool_choice: 'required',
      max_tokens: 80,
    })
    const { message, finish_reason: reason } = first.choices[0] ?? {}
    expect(reason).toBe('tool_calls')
    const call = message?.tool_calls?.[0]
    if (!message || call?.type !== 'function') throw new Error(`no call in ${JSON.stringify(first)}`)
    expect(call.function.name).toBe('get_weather')
    expect(isWeather(call.function.arguments)).toBe(true)
    const second = await client.chat.completions.create({
      model: MODEL,
      messages: [...messages, message, { role: 'tool', tool_call_id: call.id, content: WEATHER_RESULT }],
      tools,
      tool_choice: 'none',
      max_tokens: 8,
    })
    expect(second.choices[0]?.message.content).toBeTruthy()
    expect(second.choices[0]?.message.tool_calls).toBeUndefined()
  })

  test('a call is streamed, and put together by the client', async () => {
    const stream = client.chat.completions.stream({
      model: MODEL,
      messages: asked('Weather in Rome?'),
      tools,
      tool_choice: { type: 'function', function: { name: 'get_weather' } },
      max_tokens: 80,
    })
    const call = await stream.finalFunctionToolCall()
    expect(call?.name).toBe('get_weather')
    expect(isWeather(call?.arguments)).toBe(true)
  })
})

describe('without a chat', () => {
  test('text is continued, whole and streamed', async () => {
    const body = { model: MODEL, prompt: 'The capital of France is', max_tokens: 4, temperature: 0 }
    const { choices } = await client.completions.create(body)
    expect(choices[0]?.text).toContain('Paris')
    const pieces: string[] = []
    for await (const chunk of await client.completions.create({ ...body, stream: true })) {
      pieces.push(chunk.choices[0]?.text ?? '')
    }
    expect(pieces.join('')).toBe(choices[0]?.text)
  })

  test('texts become vectors, the same whether sent as numbers or packed', async () => {
    const input = ['The cat sleeps.', 'Kings rule.']
    const packed = await client.embeddings.create({ model: MODEL, input })
    const plain = await client.embeddings.create({ model: MODEL, input, encoding_format: 'float' })
    expect(packed.data.map(({ embedding }) => embedding.length)).toEqual([576, 576])
    const [first = [], plainFirst = []] = [packed.data[0]?.embedding, plain.data[0]?.embedding]
    expect(first.map((value, index) => Math.abs(value - (plainFirst[index] ?? NaN))).every((d) => d < 1e-4)).toBe(true)
    expect(packed.usage.prompt_tokens).toBeGreaterThan(4)
  })
})

describe('what goes wrong is an error of the client that says what', () => {
  test('a model that nobody has', async () => {
    const error = await rejectionOf(client.chat.completions.create({ model: 'smollm3', messages: asked('Hi') }))
    expect(error).toBeInstanceOf(NotFoundError)
    expect(error).toMatchObject({ status: 404, code: 'model_not_found', type: 'invalid_request_error' })
    expect((error as NotFoundError).message).toMatch(/smollm3.*smollm2/s)
    expect(await rejectionOf(client.models.retrieve('smollm3'))).toBeInstanceOf(NotFoundError)
  })

  test('a value that is not allowed', async () => {
    const body = { model: MODEL, messages: asked('Hi'), temperature: 9 }
    const error = await rejectionOf(client.chat.completions.create(body))
    expect(error).toBeInstanceOf(BadRequestError)
    expect(error).toMatchObject({ param: 'temperature', type: 'invalid_request_error' })
  })

  test.each([true, false])('a prompt that is too long (streamed: %s)', async (stream) => {
    const error = await rejectionOf(client.chat.completions.create({ model: MODEL, messages: asked(OVERLONG), stream }))
    expect(error).toBeInstanceOf(BadRequestError)
    expect(error).toMatchObject({ code: 'context_length_exceeded' })
    expect((error as BadRequestError).message).toContain('8192')
  })
})

describe('who leaves frees the place', () => {
  test.each(['loop', 'signal'] as const)('by %s', async (way) => {
    const leaving = new AbortController()
    const body = { model: MODEL, messages: asked(LONG_TALE), max_tokens: 2_000, stream: true as const }
    const stream = await client.chat.completions.create(body, { signal: leaving.signal })
    let pieces = 0
    for await (const _ of stream) {
      if (++pieces < 3) continue
      if (way === 'loop') break
      leaving.abort()
    }
    expect(await isIdleSoon(daemon())).toBe(true)
  })

  test('while it waits for a whole answer', async () => {
    const leaving = new AbortController()
    const body = { model: MODEL, messages: asked(LONG_TALE), max_tokens: 2_000 }
    const answer = rejectionOf(client.chat.completions.create(body, { signal: leaving.signal }))
    setTimeout(() => leaving.abort(), 300)
    expect(await answer).toBeInstanceOf(APIUserAbortError)
    expect(await isIdleSoon(daemon())).toBe(true)
  })
})

describe('fields that OpenAI does not have', () => {
  const expiresAtMs = async (): Promise<number | null | undefined> =>
    (await daemon().client.status()).models.find(({ id }) => id === MODEL)?.expiresAtMs

  test('say how long the model stays', async () => {
    const body = { model: MODEL, messages: asked('Hi'), max_tokens: 1 }
    await client.chat.completions.create({ ...body, keep_alive: -1 } as typeof body)
    expect(await expiresAtMs()).toBeNull()
    const before = Date.now()
    await client.chat.completions.create({ ...body, ttl: 3_600 } as typeof body)
    const stayMs = ((await expiresAtMs()) ?? 0) - before
    expect(stayMs).toBeGreaterThanOrEqual(3_600_000)
    expect(stayMs).toBeLessThan(3_660_000)
  })

  test('of grym come back', async () => {
    const body = { model: MODEL, messages: asked('Hi'), max_tokens: 1 }
    const { data, response } = await client.chat.completions.create(body).withResponse()
    expect(response.headers.get('x-grym-model')).toBe(MODEL)
    expect(data.usage).toHaveProperty('grym.model', MODEL)
  })
})
