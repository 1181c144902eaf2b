import { createOpenAICompatible, type OpenAICompatibleProvider } from '@ai-sdk/openai-compatible'
import { APICallError, embedMany, generateText, jsonSchema, Output, stepCountIs, streamText, tool } from 'ai'
import { beforeAll, expect, test } from 'vitest'
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

/* npm `ai` with `@ai-sdk/openai-compatible`, unchanged, with the real model. */

const { daemon } = smollm2Daemon()
const MODEL = 'smollm2'
let provider: OpenAICompatibleProvider

beforeAll(() => {
  provider = createOpenAICompatible({
    name: 'grym',
    baseURL: `${daemon().url}/v1`,
    includeUsage: true,
    supportsStructuredOutputs: true,
  })
})

const weather = jsonSchema<{ city: string; unit: 'C' | 'F' }>({ ...WEATHER_SCHEMA })

test('a text, whole', async () => {
  const { text, finishReason, usage } = await generateText({
    model: provider(MODEL),
    instructions: SYSTEM,
    prompt: CAPITAL,
    temperature: 0,
    maxOutputTokens: 12,
  })
  expect(text).toContain('Paris')
  expect(finishReason).toBe('stop')
  expect(usage.inputTokens).toBeGreaterThan(10)
  expect(usage.outputTokens).toBeGreaterThan(2)
})

test('a text, streamed in pieces, with the usage of a second turn that uses the first one', async () => {
  const turn = async (messages: { role: 'user' | 'assistant'; content: string }[]): Promise<[string[], object]> => {
    const { textStream, usage } = streamText({ model: provider(MODEL), messages, temperature: 0, maxOutputTokens: 12 })
    const pieces: string[] = []
    for await (const piece of textStream) pieces.push(piece)
    return [pieces, await usage]
  }
  const question = { role: 'user' as const, content: CAPITAL }
  const [pieces, usage] = await turn([question])
  expect(pieces.join('')).toContain('Paris')
  expect(pieces.length).toBeGreaterThan(2)
  const { inputTokens } = usage as { inputTokens: number }
  const answer = { role: 'assistant' as const, content: pieces.join('') }
  const [, second] = await turn([question, answer, { role: 'user', content: 'And of Spain?' }])
  const { cacheReadTokens } = (second as { inputTokenDetails: { cacheReadTokens?: number } }).inputTokenDetails
  expect(cacheReadTokens).toBeGreaterThanOrEqual(inputTokens)
})

test('the limit on tokens is the reason', async () => {
  const { finishReason } = await generateText({ model: provider(MODEL), prompt: LONG_TALE, maxOutputTokens: 3 })
  expect(finishReason).toBe('length')
})

test('a text that stops it', async () => {
  const asked = { model: provider(MODEL), prompt: CAPITAL, temperature: 0, maxOutputTokens: 12 }
  const { text } = await generateText({ ...asked, stopSequences: ['Paris'] })
  expect(text).toBe('The capital of France is ')
})

test('an object that keeps to its schema', async () => {
  const { output } = await generateText({
    model: provider(MODEL),
    output: Output.object({ schema: weather, name: 'weather' }),
    prompt: 'The weather in Paris?',
    maxOutputTokens: 60,
  })
  expect(isWeather(output)).toBe(true)
})

test('a tool is called, and its result used, in one go', async () => {
  const asked: unknown[] = []
  const { steps, text } = await generateText({
    model: provider(MODEL),
    prompt: 'What is the weather in Paris?',
    tools: {
      get_weather: tool({
        description: 'The weather of a city.',
        inputSchema: weather,
        execute: (input) => {
          asked.push(input)
          return WEATHER_RESULT
        },
      }),
    },
    prepareStep: ({ stepNumber }) => ({
      toolChoice: stepNumber === 0 ? { type: 'tool', toolName: 'get_weather' } : 'none',
    }),
    stopWhen: stepCountIs(2),
    maxOutputTokens: 60,
  })
  expect(asked).toHaveLength(1)
  expect(isWeather(asked[0])).toBe(true)
  expect(steps.map(({ finishReason }) => finishReason)[0]).toBe('tool-calls')
  expect(text).not.toBe('')
})

test('a call of a tool, streamed', async () => {
  const { toolCalls } = streamText({
    model: provider(MODEL),
    prompt: 'What is the weather in Rome?',
    tools: { get_weather: tool({ description: 'The weather of a city.', inputSchema: weather }) },
    toolChoice: 'required',
    maxOutputTokens: 60,
  })
  const [call] = await toolCalls
  expect(call?.toolName).toBe('get_weather')
  expect(isWeather(call?.input)).toBe(true)
})

test('text that is continued', async () => {
  const { text } = await generateText({
    model: provider.completionModel(MODEL),
    prompt: 'The capital of France is',
    temperature: 0,
    maxOutputTokens: 4,
  })
  expect(text).not.toBe('')
})

test('vectors', async () => {
  const { embeddings } = await embedMany({ model: provider.embeddingModel(MODEL), values: ['A cat.', 'A king.'] })
  expect(embeddings.map(({ length }) => length)).toEqual([576, 576])
})

test.each([
  { what: 'a model that nobody has', model: 'smollm3', prompt: 'Hi', status: 404, words: /smollm3.*smollm2/s },
  { what: 'a prompt that is too long', model: MODEL, prompt: OVERLONG, status: 400, words: /8192/ },
])('$what is an error that says what', async ({ model, prompt, status, words }) => {
  const error = await rejectionOf(generateText({ model: provider(model), prompt, maxRetries: 0 }))
  if (!APICallError.isInstance(error)) throw new Error(`not the client's own error: ${String(error)}`)
  expect(error.statusCode).toBe(status)
  expect(error.message).toMatch(words)
  expect(error.isRetryable).toBe(false)
})

test('who leaves a stream frees the place', async () => {
  const leaving = new AbortController()
  const { textStream } = streamText({
    model: provider(MODEL),
    prompt: LONG_TALE,
    maxOutputTokens: 2_000,
    abortSignal: leaving.signal,
  })
  let pieces = 0
  for await (const _ of textStream) if (++pieces === 3) leaving.abort()
  expect(pieces).toBeGreaterThanOrEqual(3)
  expect(await isIdleSoon(daemon())).toBe(true)
})
