import { AIMessage, HumanMessage, SystemMessage, ToolMessage, type UsageMetadata } from '@langchain/core/messages'
import { tool } from '@langchain/core/tools'
import { ChatOpenAI, OpenAI, OpenAIEmbeddings } from '@langchain/openai'
import { expect, test } from 'vitest'
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

/* npm `@langchain/openai`, unchanged, with the real model. */

const { daemon } = smollm2Daemon()
const MODEL = 'smollm2'

function connection(model: string = MODEL): { model: string; apiKey: string; configuration: object; maxRetries: 0 } {
  return { model, apiKey: 'unused', configuration: { baseURL: `${daemon().url}/v1` }, maxRetries: 0 }
}

function chat(fields: object = {}): ChatOpenAI {
  return new ChatOpenAI({ ...connection(), temperature: 0, maxTokens: 12, ...fields })
}

/** Its own type is lost between the versions of its packages' declarations. */
function usageOf(message: { readonly usage_metadata?: unknown }): UsageMetadata | undefined {
  return message.usage_metadata as UsageMetadata | undefined
}

const getWeather = tool(() => WEATHER_RESULT, {
  name: 'get_weather',
  description: 'The weather of a city.',
  schema: WEATHER_SCHEMA,
})

test('a chat, whole, and a second turn that uses the first one', async () => {
  const question = [new SystemMessage(SYSTEM), new HumanMessage(CAPITAL)]
  const first = await chat().invoke(question)
  expect(first.text).toContain('Paris')
  expect(first.response_metadata).toMatchObject({ finish_reason: 'stop' })
  const second = await chat().invoke([...question, new AIMessage(first.text), new HumanMessage('And of Spain?')])
  const cached = usageOf(second)?.input_token_details?.cache_read
  expect(cached).toBeGreaterThanOrEqual(usageOf(first)?.input_tokens ?? Infinity)
})

test('a chat, streamed in pieces, with its usage', async () => {
  const pieces: string[] = []
  let outputTokens = 0
  for await (const chunk of await chat().stream(CAPITAL)) {
    if (chunk.text !== '') pieces.push(chunk.text)
    outputTokens += usageOf(chunk)?.output_tokens ?? 0
  }
  expect(pieces.join('')).toContain('Paris')
  expect(pieces.length).toBeGreaterThan(2)
  expect(outputTokens).toBeGreaterThan(2)
})

test('the limit on tokens is the reason, and a text stops', async () => {
  const cut = await chat({ maxTokens: 3 }).invoke(LONG_TALE)
  expect(cut.response_metadata).toMatchObject({ finish_reason: 'length' })
  expect((await chat({ stop: ['Paris'] }).invoke(CAPITAL)).text).toBe('The capital of France is ')
})

test('an object that keeps to its schema', async () => {
  const structured = chat({ maxTokens: 60 }).withStructuredOutput(
    { title: 'weather', ...WEATHER_SCHEMA },
    { method: 'jsonSchema', strict: true },
  )
  expect(isWeather(await structured.invoke('The weather in Paris?'))).toBe(true)
})

test('a tool that is asked for is called, and its result answered', async () => {
  const question = new HumanMessage('What is the weather in Paris?')
  const asking = chat({ maxTokens: 80 }).bindTools([getWeather], { tool_choice: 'get_weather' })
  const called = await asking.invoke([question])
  const [call] = called.tool_calls ?? []
  expect(call?.name).toBe('get_weather')
  expect(isWeather(call?.args)).toBe(true)
  const result = new ToolMessage({ content: WEATHER_RESULT, tool_call_id: call?.id ?? '' })
  const answering = chat().bindTools([getWeather], { tool_choice: 'none' })
  expect((await answering.invoke([question, called, result])).text).not.toBe('')
})

test('log probabilities', async () => {
  const { response_metadata: metadata, text } = await chat({ logprobs: true, topLogprobs: 2 }).invoke(CAPITAL)
  const { content } = metadata['logprobs'] as { content: { token: string }[] }
  expect(content.map(({ token }) => token).join('')).toBe(text)
})

test('text that is continued, and vectors', async () => {
  const text = await new OpenAI({ ...connection(), temperature: 0, maxTokens: 4 }).invoke('The capital of France is')
  expect(text).toContain('Paris')
  const vectors = await new OpenAIEmbeddings(connection()).embedDocuments(['A cat.', 'A king.'])
  expect(vectors.map(({ length }) => length)).toEqual([576, 576])
})

test('errors say what is wrong, as LangChain has them', async () => {
  const unknown = await rejectionOf(new ChatOpenAI(connection('smollm3')).invoke('Hi'))
  expect(unknown).toMatchObject({ status: 404, code: 'model_not_found', lc_error_code: 'MODEL_NOT_FOUND' })
  expect(String(unknown)).toMatch(/smollm3.*smollm2/s)
  expect(await rejectionOf(chat().invoke(OVERLONG))).toMatchObject({ status: 400, code: 'context_length_exceeded' })
  expect(await rejectionOf(chat({ temperature: 9 }).invoke('Hi'))).toMatchObject({ status: 400, param: 'temperature' })
})

test('who leaves a stream frees the place', async () => {
  let pieces = 0
  for await (const _ of await chat({ maxTokens: 2_000 }).stream(LONG_TALE)) if (++pieces === 3) break
  expect(await isIdleSoon(daemon())).toBe(true)
})
