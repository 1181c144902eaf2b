import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getLlama, type Llama, LlamaLogLevel, type LlamaModel } from 'node-llama-cpp'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { tinyGguf, type TinyGgufOptions } from './tiny-gguf.ts'
import { TINY_MODELS, type TinyModel } from './tiny/tiny-models.ts'

/* Each kind of tiny model is loaded by the real engine: what it does not understand it refuses. */

let llama: Llama
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'grym-tiny-'))
  llama = await getLlama({
    build: 'never',
    skipDownload: true,
    gpu: false,
    maxThreads: 1,
    logLevel: LlamaLogLevel.error,
  })
})

afterAll(async () => {
  await llama.dispose()
  await rm(folder, { recursive: true })
})

async function load(options: TinyGgufOptions): Promise<LlamaModel> {
  const modelPath = join(folder, 'tiny.gguf')
  await writeFile(modelPath, tinyGguf(options))
  const model = await llama.loadModel({ modelPath, gpuLayers: 0, ignoreMemorySafetyChecks: true })
  onTestFinished(() => model.dispose())
  return model
}

async function generate(model: LlamaModel, text: string, count: number): Promise<number[]> {
  const context = await model.createContext({ contextSize: 256, sequences: 1, ignoreMemorySafetyChecks: true })
  const tokens: number[] = []
  for await (const token of context.getSequence().evaluate(model.tokenize(text, true), { temperature: 0 })) {
    tokens.push(token)
    if (tokens.length === count) break
  }
  await context.dispose()
  return tokens
}

const kinds = (Object.keys(TINY_MODELS) as TinyModel[]).filter((kind) => kind !== 'nomic-bert')

test.each(kinds)('%s is loaded and generates, and what it says hangs on what was said', async (model) => {
  const loaded = await load({ model, isEndless: true, spread: 0.2 })
  expect(loaded.fileInsights.isRecurrent).toBe(model === 'mamba')
  expect(loaded.fileInsights.isHybrid).toBe(['granitehybrid', 'lfm2', 'qwen35'].includes(model))
  expect(loaded.fileInsights.swaSize).toBe(model === 'gemma3' ? 64 : undefined)
  const answer = await generate(loaded, 'once upon a time', 12)
  expect(answer).toHaveLength(12)
  expect(await generate(loaded, 'once upon a time', 12)).toEqual(answer)
  expect(await generate(loaded, 'there was once a', 12)).not.toEqual(answer)
})

test.each(kinds)('%s can be made larger', async (model) => {
  const sizes = { blocks: 4, width: 128, heads: 8, kvHeads: 4, headLength: 32, feedForward: 96, contextTokens: 4_096 }
  const loaded = await load({ model, isEndless: true, stateLength: 32, slidingTokens: 128, ...sizes })
  expect(loaded.trainContextSize).toBe(4_096)
  expect(loaded.embeddingVectorSize).toBe(128)
  expect(await generate(loaded, 'once upon a time', 4)).toHaveLength(4)
})

test('the encoder makes vectors of texts', async () => {
  const model = await load({ model: 'nomic-bert' })
  const context = await model.createEmbeddingContext({ contextSize: 256, ignoreMemorySafetyChecks: true })
  onTestFinished(() => context.dispose())
  const vectorOf = async (text: string): Promise<readonly number[]> => (await context.getEmbeddingFor(text)).vector
  const vector = await vectorOf('a short text')
  expect(vector).toHaveLength(64)
  expect(await vectorOf('a short text')).toEqual(vector)
  expect(await vectorOf('another text')).not.toEqual(vector)
})

describe('the vocabulary', () => {
  test('is the same 354 tokens when nothing is asked for, without tokens for filling in', async () => {
    const model = await load({})
    expect(model.fileInfo.metadata.tokenizer.ggml.tokens).toHaveLength(354)
    expect(model.tokens.infill.prefix).toBeNull()
  })

  test('tokens for filling in the middle are known to the engine', async () => {
    const { tokens } = await load({ infill: true })
    expect([tokens.infill.prefix, tokens.infill.suffix, tokens.infill.middle]).toEqual([354, 355, 356])
  })

  test('tokens of a template are tokens; those of a user are shown in text', async () => {
    const model = await load({ controlTokens: ['<|im_start|>', '<|im_end|>'], userTokens: ['<think>'] })
    const tokens = model.tokenize('<|im_start|>a<think>', true)
    expect(tokens).toEqual(expect.arrayContaining([354, 356]))
    // SentencePiece puts a space before a word.
    expect(model.detokenize(tokens)).toBe(' a<think>')
    expect(model.isEogToken(model.tokenize('<|im_end|>', true).at(-1))).toBe(true)
  })

  test('is filled up to a size', async () => {
    const model = await load({ leastTokens: 1_000 })
    expect(model.fileInfo.metadata.tokenizer.ggml.tokens).toHaveLength(1_000)
  })
})
