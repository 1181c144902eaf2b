import { AIMessage, HumanMessage, SystemMessage } from '@langchain/core/messages'
import { ChatOllama, type ChatOllamaInput, Ollama, OllamaEmbeddings } from '@langchain/ollama'
import { expect, test } from 'vitest'
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

/* npm `@langchain/ollama`, unchanged, with the real model. */

const { daemon } = smollm2Daemon()

function chat(fields: ChatOllamaInput = {}): ChatOllama {
  const connection = { model: 'smollm2', baseUrl: daemon().url, maxRetries: 0 }
  return new ChatOllama({ ...connection, temperature: 0, numPredict: 12, ...fields })
}

test('a chat, whole, and a second turn', async () => {
  const question = [new SystemMessage(SYSTEM), new HumanMessage(CAPITAL)]
  const first = await chat().invoke(question)
  expect(first.text).toContain('Paris')
  expect(first.response_metadata).toMatchObject({ done_reason: 'stop', model: 'smollm2' })
  const second = await chat().invoke([...question, new AIMessage(first.text), new HumanMessage('And of Spain?')])
  expect(second.text).not.toBe('')
})

test('a chat, streamed in pieces, with its usage', async () => {
  const pieces: string[] = []
  let usage: unknown
  for await (const chunk of await chat().stream(CAPITAL)) {
    if (chunk.text !== '') pieces.push(chunk.text)
    usage = chunk.usage_metadata ?? usage
  }
  expect(pieces.length).toBeGreaterThan(2)
  expect(pieces.join('')).toContain('Paris')
  expect(usage).toMatchObject({ output_tokens: expect.any(Number) as unknown })
})

test('the limit on tokens is the reason, and a text stops', async () => {
  const cut = await chat({ numPredict: 3 }).invoke(LONG_TALE)
  expect(cut.response_metadata).toMatchObject({ done_reason: 'length', eval_count: 3 })
  expect((await chat().invoke(CAPITAL, { stop: ['Paris'] })).text).toBe('The capital of France is ')
})

test('an object that keeps to its schema', async () => {
  const asking = chat({ numPredict: 60, format: WEATHER_SCHEMA })
  expect(isWeather((await asking.invoke('The weather in Paris?')).text)).toBe(true)
  const structured = chat({ numPredict: 60 }).withStructuredOutput(WEATHER_SCHEMA, { method: 'jsonSchema' })
  expect(isWeather(await structured.invoke('The weather in Rome?'))).toBe(true)
})

test('a text, and vectors', async () => {
  const connection = { model: 'smollm2', baseUrl: daemon().url }
  expect(await new Ollama({ ...connection, temperature: 0, numPredict: 12 }).invoke(CAPITAL)).toContain('Paris')
  const vectors = await new OllamaEmbeddings(connection).embedDocuments(['A cat.', 'A king.'])
  expect(vectors.map(({ length }) => length)).toEqual([576, 576])
})

test('says how long the model stays', async () => {
  await chat({ numPredict: 1, keepAlive: -1 }).invoke('Hi')
  const { models } = await daemon().client.status()
  expect(models.find(({ id }) => id === 'smollm2')?.expiresAtMs).toBeNull()
})

test('errors say what is wrong', async () => {
  const unknown = await rejectionOf(chat({ model: 'smollm3' }).invoke('Hi'))
  expect(unknown).toMatchObject({ status_code: 404 })
  expect(String(unknown)).toMatch(/smollm3.*smollm2/s)
  expect(await rejectionOf(chat().invoke(OVERLONG))).toMatchObject({ status_code: 400 })
})

test('who leaves a stream frees the place', async () => {
  const leaving = new AbortController()
  let pieces = 0
  // Breaking out of the loop does not close the connection of this client; its signal does.
  const read = async (): Promise<void> => {
    const stream = await chat({ numPredict: 2_000 }).stream(LONG_TALE, { signal: leaving.signal })
    for await (const _ of stream) if (++pieces === 3) leaving.abort()
  }
  expect(String(await rejectionOf(read()))).toMatch(/abort/i)
  expect(await isIdleSoon(daemon())).toBe(true)
})
