import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { GenerateChunk } from '../../spec/chat.ts'
import { AnswerReader } from './answer-reader.ts'
import { asLoadFailure, isRunnerGone, ollamaFailure } from './ollama-failure.ts'
import { readResidents, readShow, readTags } from './ollama-replies.ts'

/* What a real Ollama 0.17.4 sent; the README of the folder says how it was recorded. */

interface Reply {
  readonly status: number
  /** One for each line. */
  readonly values: readonly unknown[]
}

function recorded(name: string): Reply {
  const url = new URL(`../../../test/fixtures/engines/ollama-0.17.4-2026-11-27/${name}.txt`, import.meta.url)
  const [head = '', ...lines] = readFileSync(url, 'utf8').split('\n')
  const whole = lines.filter((line) => line.startsWith('{') && line.endsWith('}'))
  return { status: Number(/^# (\d+)/.exec(head)?.[1]), values: whole.map((line) => JSON.parse(line) as unknown) }
}

function read(name: string): GenerateChunk[] {
  const reader = new AnswerReader({ model: 'tiny' })
  return recorded(name).values.flatMap((value) => reader.read(value))
}

function refusal(name: string): ReturnType<typeof ollamaFailure> {
  const { status, values } = recorded(name)
  const { error } = values.at(-1) as { error: string }
  return ollamaFailure({ status, text: error, model: 'tiny' })
}

test.each([
  ['chat', 24],
  ['chat-stream', 24],
  ['chat-logprobs', 24],
  ['generate-raw', 6],
])('%s', (name, promptTokens) => {
  const chunks = read(name)
  expect(chunks.at(-1)).toMatchObject({
    type: 'end',
    finishReason: 'length',
    usage: { promptTokens, cachedTokens: null, generatedTokens: 4 },
  })
  expect(chunks.at(-1)).toHaveProperty('prefillMs', expect.any(Number))
})

test('log probabilities are those of the tokens', () => {
  const told = read('chat-logprobs').flatMap((chunk) => (chunk.type === 'text' ? (chunk.logprobs ?? []) : []))
  // It counts four tokens, and tells of three. Greedy, but for its penalty on what was said already.
  expect(told.map(({ token }) => token)).toEqual(['n', 'n', 'K'])
  for (const { token, logprob, top } of told) expect(top).toContainEqual(expect.objectContaining({ token, logprob }))
})

test('an answer that was held to a schema', () => {
  const text = read('chat-schema').map((chunk) => (chunk.type === 'text' ? chunk.text : ''))
  expect([{ n: 1 }, { n: 2 }]).toContainEqual(JSON.parse(text.join('')))
})

describe('what is in memory', () => {
  test('is told with its window, also after its process was killed', () => {
    for (const name of ['ps', 'ps-after-kill']) {
      const [resident, ...more] = readResidents(recorded(name).values[0])
      expect(resident).toMatchObject({ name: 'tiny:latest', sizeVramBytes: 0, contextTokens: 256 })
      expect(more).toEqual([])
    }
  })

  test('is nothing at the beginning and after an unload', () => {
    for (const name of ['ps-empty', 'ps-after-unload']) expect(readResidents(recorded(name).values[0])).toEqual([])
  })
})

test('what is on disk', () => {
  const names = readTags(recorded('tags').values[0]).map(({ name }) => name)
  expect(names.toSorted()).toEqual(
    ['cut', 'damaged', 'embedding', 'strange', 'tiny', 'vast', 'wide'].map((name) => `${name}:latest`),
  )
})

test('a model is shown with its weights and its header', () => {
  const shown = readShow(recorded('show').values[0])
  expect(shown).toMatchObject({ architecture: 'llama', trainContextTokens: 2_048, capabilities: ['completion'] })
  expect(shown.weightsSha256).toMatch(/^[0-9a-f]{64}$/)
})

test.each([
  ['chat-too-long', 'context-too-long'],
  ['embed-too-long', 'context-too-long'],
  ['chat-unknown-model', 'model-file-missing'],
  ['show-unknown', 'model-file-missing'],
  ['chat-tools-unsupported', 'tools-unsupported'],
  ['generate-suffix-unsupported', 'suffix-unsupported'],
  ['generate-with-embedding-model', 'generation-unsupported'],
  ['load-without-memory', 'out-of-memory'],
  ['killed-while-loading', 'out-of-memory'],
])('%s is %s', (name, reason) => {
  expect(refusal(name).reason).toBe(reason)
})

test('a runner that ended by itself has failed the load', () => {
  expect(asLoadFailure(refusal('load-that-ends-the-runner'), false).reason).toBe('model-load-failed')
})

test('a runner that was killed under its answer is gone: text came, then its error', () => {
  const { values } = recorded('killed-mid-stream')
  const reader = new AnswerReader({ model: 'tiny' })
  expect(values.slice(0, -1).flatMap((value) => reader.read(value))).toContainEqual(
    expect.objectContaining({ type: 'text' }),
  )
  expect(isRunnerGone(refusal('killed-mid-stream'))).toBe(true)
})
