import Anthropic, { APIUserAbortError, BadRequestError, NotFoundError } from '@anthropic-ai/sdk'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  CAPITAL,
  isIdleSoon,
  isWeather,
  LONG_TALE,
  OVERLONG,
  rejectionOf,
  SYSTEM,
  WEATHER_RESULT,
  WEATHER_SCHEMA,
} from '../support/client-questions.ts'
import { smollm2Daemon } from '../support/smollm2-daemon.ts'

/* npm `@anthropic-ai/sdk`, unchanged, with the real model. */

/** Programs of Anthropic's own ask for its models by name. */
const { daemon } = smollm2Daemon("models: { entries: { 'claude-*': smollm2 } }")
const MODEL = 'smollm2'
let client: Anthropic

beforeAll(() => {
  client = new Anthropic({ baseURL: daemon().url, apiKey: 'unused', maxRetries: 0 })
})

/** With fields that are understood here and that the client sends, although the newest version of its API has none of them. */
type Body = Omit<Anthropic.MessageCreateParamsNonStreaming, 'stream'> & { temperature?: number; keep_alive?: number }
const asked = (content: string, changes: Partial<Body> = {}): Body => ({
  model: MODEL,
  max_tokens: 12,
  temperature: 0,
  messages: [{ role: 'user', content }],
  ...changes,
})
const textOf = ({ content }: Anthropic.Message): string =>
  content.map((block) => (block.type === 'text' ? block.text : '')).join('')

test('models are listed and described', async () => {
  const ids: string[] = []
  for await (const { id } of client.models.list()) ids.push(id)
  expect(ids).toContain(MODEL)
  expect(await client.models.retrieve(MODEL)).toMatchObject({ id: MODEL, type: 'model', max_input_tokens: 8_192 })
})

describe('messages', () => {
  test('whole', async () => {
    const message = await client.messages.create(asked(CAPITAL, { system: SYSTEM }))
    expect(textOf(message)).toContain('Paris')
    expect(message).toMatchObject({ type: 'message', role: 'assistant', model: MODEL, stop_reason: 'end_turn' })
    expect(message.usage.input_tokens + (message.usage.cache_read_input_tokens ?? 0)).toBeGreaterThan(10)
    expect(message.usage.output_tokens).toBeGreaterThan(2)
  })

  test('to a model that the client names by its own habit', async () => {
    const message = await client.messages.create(asked(CAPITAL, { model: 'claude-haiku-4-5' }))
    expect(message.model).toBe(MODEL)
    expect(textOf(message)).toContain('Paris')
  })

  test('streamed, each event in its place', async () => {
    const types: string[] = []
    let usage: Anthropic.MessageDeltaUsage | undefined
    for await (const event of await client.messages.create({ ...asked(CAPITAL), stream: true })) {
      if (event.type !== types.at(-1)) types.push(event.type)
      if (event.type === 'message_delta') ({ usage } = event)
    }
    expect(types).toEqual([
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ])
    expect(usage?.output_tokens).toBeGreaterThan(2)
    expect(usage?.cache_read_input_tokens).toBeTypeOf('number')
  })

  test("the client's own stream helper puts pieces together", async () => {
    const pieces: string[] = []
    const stream = client.messages.stream(asked(CAPITAL)).on('text', (text) => pieces.push(text))
    const message = await stream.finalMessage()
    expect(pieces.length).toBeGreaterThan(2)
    expect(textOf(message)).toBe(pieces.join(''))
    expect(message.stop_reason).toBe('end_turn')
  })

  test('the limit on tokens, and a text that stops, are said to be the reason', async () => {
    expect(await client.messages.create(asked(LONG_TALE, { max_tokens: 3 }))).toMatchObject({
      stop_reason: 'max_tokens',
      usage: { output_tokens: 3 },
    })
    const stopped = await client.messages.create(asked(CAPITAL, { stop_sequences: ['Paris'] }))
    expect(stopped).toMatchObject({ stop_reason: 'stop_sequence', stop_sequence: 'Paris' })
    expect(textOf(stopped)).toBe('The capital of France is ')
  })

  test('a second turn uses what the first one left', async () => {
    const first = await client.messages.create(asked('Name a colour of the rainbow, please.'))
    const messages: Anthropic.MessageParam[] = [
      { role: 'user', content: 'Name a colour of the rainbow, please.' },
      { role: 'assistant', content: first.content },
      { role: 'user', content: 'More?' },
    ]
    const { usage } = await client.messages.create(asked('', { messages }))
    const promptTokens = first.usage.input_tokens + (first.usage.cache_read_input_tokens ?? 0)
    expect(usage.cache_read_input_tokens).toBeGreaterThanOrEqual(promptTokens)
  })

  test('are counted before they are sent, as they will be', async () => {
    const { model, messages } = asked(CAPITAL)
    const { input_tokens: counted } = await client.messages.countTokens({ model, messages, system: SYSTEM })
    const { usage } = await client.messages.create(asked(CAPITAL, { system: SYSTEM, max_tokens: 1 }))
    expect(counted).toBe(usage.input_tokens + (usage.cache_read_input_tokens ?? 0))
  })
})

test('an answer keeps to a JSON schema', async () => {
  const format = { type: 'json_schema' as const, schema: { ...WEATHER_SCHEMA } }
  const message = await client.messages.create(
    asked('The weather in Paris?', { max_tokens: 60, output_config: { format } }),
  )
  expect(isWeather(textOf(message))).toBe(true)
})

describe('tools', () => {
  const tools: Anthropic.Tool[] = [
    { name: 'get_weather', description: 'The weather of a city.', input_schema: { ...WEATHER_SCHEMA } },
  ]
  const question = 'What is the weather in Paris?'

  test('one that is asked for is used, and its result answered', async () => {
    const first = await client.messages.create(asked(question, { tools, tool_choice: { type: 'any' }, max_tokens: 80 }))
    expect(first.stop_reason).toBe('tool_use')
    const use = first.content.find((block) => block.type === 'tool_use')
    if (!use) throw new Error(`no use of a tool in ${JSON.stringify(first)}`)
    expect(use.name).toBe('get_weather')
    expect(isWeather(use.input)).toBe(true)
    const second = await client.messages.create(
      asked('', {
        tools,
        tool_choice: { type: 'none' },
        messages: [
          { role: 'user', content: question },
          { role: 'assistant', content: first.content },
          { role: 'user', content: [{ type: 'tool_result', tool_use_id: use.id, content: WEATHER_RESULT }] },
        ],
      }),
    )
    expect(second.content.map(({ type }) => type)).toEqual(['text'])
    expect(textOf(second)).not.toBe('')
  })

  test('one is streamed, its input put together by the client', async () => {
    const choice = { type: 'tool' as const, name: 'get_weather' }
    const stream = client.messages.stream(asked(question, { tools, tool_choice: choice, max_tokens: 80 }))
    const parts: string[] = []
    stream.on('inputJson', (part) => parts.push(part))
    const { content, stop_reason: reason } = await stream.finalMessage()
    expect(reason).toBe('tool_use')
    const use = content.find((block) => block.type === 'tool_use')
    expect(isWeather(use?.input)).toBe(true)
    expect(isWeather(parts.join(''))).toBe(true)
  })
})

describe('what goes wrong is an error of the client that says what', () => {
  test('a model that nobody has', async () => {
    const error = await rejectionOf(client.messages.create(asked('Hi', { model: 'smollm3' })))
    expect(error).toBeInstanceOf(NotFoundError)
    expect(error).toMatchObject({ status: 404, type: 'not_found_error' })
    expect((error as NotFoundError).message).toMatch(/smollm3.*smollm2/s)
    expect((error as NotFoundError).requestID).toMatch(/^err_/)
  })

  test('a value that is not allowed', async () => {
    const error = await rejectionOf(client.messages.create(asked('Hi', { temperature: 9 })))
    expect(error).toBeInstanceOf(BadRequestError)
    expect((error as BadRequestError).message).toContain('temperature')
  })

  test.each([true, false])('a prompt that is too long (streamed: %s)', async (stream) => {
    const error = await rejectionOf(client.messages.create({ ...asked(OVERLONG), stream }))
    expect(error).toBeInstanceOf(BadRequestError)
    expect((error as BadRequestError).message).toMatch(/prompt is too long.*8192/s)
  })
})

test('who leaves a stream frees the place', async () => {
  const stream = client.messages.stream(asked(LONG_TALE, { max_tokens: 2_000 }))
  let pieces = 0
  stream.on('text', () => {
    if (++pieces === 3) stream.abort()
  })
  expect(await rejectionOf(stream.finalMessage())).toBeInstanceOf(APIUserAbortError)
  expect(await isIdleSoon(daemon())).toBe(true)
})

test('a field that Anthropic does not have says how long the model stays', async () => {
  await client.messages.create(asked('Hi', { max_tokens: 1, keep_alive: -1 }))
  const { models } = await daemon().client.status()
  expect(models.find(({ id }) => id === MODEL)?.expiresAtMs).toBeNull()
})
