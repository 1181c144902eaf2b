import OpenAI, { BadRequestError, NotFoundError } from 'openai'
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

/* The Responses API by npm `openai`, unchanged, with the real model. */

const { daemon } = smollm2Daemon()
const MODEL = 'smollm2'
let client: OpenAI

beforeAll(() => {
  client = new OpenAI({ baseURL: `${daemon().url}/v1`, apiKey: 'unused', maxRetries: 0 })
})

type Input = string | OpenAI.Responses.ResponseInput
type Body = Omit<OpenAI.Responses.ResponseCreateParamsNonStreaming, 'stream' | 'input'>
const asked = (input: Input, changes: Body = {}): Body & { input: Input } => ({
  model: MODEL,
  input,
  temperature: 0,
  max_output_tokens: 12,
  ...changes,
})

test('an answer, whole, and its continuation by id', async () => {
  const first = await client.responses.create(asked(CAPITAL, { instructions: SYSTEM }))
  expect(first).toMatchObject({ object: 'response', status: 'completed', model: MODEL })
  expect(first.output_text).toContain('Paris')
  const second = await client.responses.create(
    asked('And of Spain?', { instructions: SYSTEM, previous_response_id: first.id }),
  )
  expect(second.previous_response_id).toBe(first.id)
  expect(second.usage?.input_tokens_details.cached_tokens).toBeGreaterThanOrEqual(first.usage?.input_tokens ?? Infinity)
})

test('an answer, streamed, is put together by the client', async () => {
  const stream = client.responses.stream(asked(CAPITAL))
  const pieces: string[] = []
  stream.on('response.output_text.delta', ({ delta }) => pieces.push(delta))
  const response = await stream.finalResponse()
  expect(pieces.length).toBeGreaterThan(2)
  expect(pieces.join('')).toContain('Paris')
  expect(response.output_text).toBe(pieces.join(''))
  expect(response.status).toBe('completed')
})

test('the events of a stream come in order', async () => {
  const types: string[] = []
  const numbers: number[] = []
  for await (const event of await client.responses.create({ ...asked(CAPITAL), stream: true })) {
    if (event.type !== types.at(-1)) types.push(event.type)
    numbers.push((event as { sequence_number: number }).sequence_number)
  }
  expect(types).toEqual([
    'response.created',
    'response.in_progress',
    'response.output_item.added',
    'response.content_part.added',
    'response.output_text.delta',
    'response.output_text.done',
    'response.content_part.done',
    'response.output_item.done',
    'response.completed',
  ])
  expect(numbers).toEqual(numbers.map((_, index) => index))
})

test('the limit on tokens leaves it incomplete', async () => {
  const response = await client.responses.create(asked(LONG_TALE, { max_output_tokens: 3 }))
  expect(response).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } })
  expect(response.usage?.output_tokens).toBe(3)
})

describe('what is kept', () => {
  test('is there until it is deleted', async () => {
    const { id, output } = await client.responses.create(asked(CAPITAL))
    expect(await client.responses.retrieve(id)).toMatchObject({ id, output, status: 'completed' })
    const items: unknown[] = []
    for await (const item of client.responses.inputItems.list(id)) items.push(item)
    expect(items).toHaveLength(1)
    await client.responses.delete(id)
    expect(await rejectionOf(client.responses.retrieve(id))).toBeInstanceOf(NotFoundError)
  })

  test('is not what was not to be stored', async () => {
    const { id } = await client.responses.create(asked('Hi', { store: false, max_output_tokens: 1 }))
    expect(await rejectionOf(client.responses.retrieve(id))).toBeInstanceOf(NotFoundError)
    const continued = rejectionOf(client.responses.create(asked('More', { previous_response_id: id })))
    expect(await continued).toMatchObject({ param: 'previous_response_id' })
  })
})

test('an answer keeps to a JSON schema', async () => {
  const format = { type: 'json_schema' as const, name: 'weather', strict: true, schema: { ...WEATHER_SCHEMA } }
  const response = await client.responses.create(
    asked('The weather in Paris?', { max_output_tokens: 60, text: { format } }),
  )
  expect(isWeather(response.output_text)).toBe(true)
})

test('a function that is asked for is called, and its result answered', async () => {
  const tools: OpenAI.Responses.FunctionTool[] = [
    {
      type: 'function',
      name: 'get_weather',
      description: 'The weather of a city.',
      parameters: { ...WEATHER_SCHEMA },
      strict: true,
    },
  ]
  const question = 'What is the weather in Paris?'
  const first = await client.responses.create(
    asked(question, { tools, tool_choice: 'required', max_output_tokens: 80 }),
  )
  const call = first.output.find((item) => item.type === 'function_call')
  if (!call) throw new Error(`no call in ${JSON.stringify(first)}`)
  expect(call.name).toBe('get_weather')
  expect(isWeather(call.arguments)).toBe(true)
  const second = await client.responses.create(
    asked([{ type: 'function_call_output', call_id: call.call_id, output: WEATHER_RESULT }], {
      tools,
      tool_choice: 'none',
      previous_response_id: first.id,
    }),
  )
  expect(second.output.map(({ type }) => type)).toEqual(['message'])
  expect(second.output_text).not.toBe('')
})

test('errors are those of the client and say what is wrong', async () => {
  const unknown = await rejectionOf(client.responses.create(asked('Hi', { model: 'smollm3' })))
  expect(unknown).toBeInstanceOf(NotFoundError)
  expect(unknown).toMatchObject({ code: 'model_not_found' })
  const value = await rejectionOf(client.responses.create(asked('Hi', { temperature: 9 })))
  expect(value).toBeInstanceOf(BadRequestError)
  expect(value).toMatchObject({ param: 'temperature' })
  const tooLong = await rejectionOf(client.responses.create(asked(OVERLONG)))
  expect(tooLong).toBeInstanceOf(BadRequestError)
  expect(tooLong).toMatchObject({ code: 'context_length_exceeded' })
})

test('who leaves a stream frees the place', async () => {
  const body = { ...asked(LONG_TALE, { max_output_tokens: 2_000 }), stream: true as const }
  let events = 0
  for await (const _ of await client.responses.create(body)) if (++events === 8) break
  expect(await isIdleSoon(daemon())).toBe(true)
})
