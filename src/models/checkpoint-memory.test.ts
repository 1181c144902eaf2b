import { afterAll, beforeAll, expect, test } from 'vitest'
import { WorkerGround } from '../../test/support/worker-ground.ts'
import type { TinyGgufOptions } from '../testing/tiny-gguf.ts'
import { TINY_MODELS, type TinyModel } from '../testing/tiny/tiny-models.ts'
import { checkpointBytes, mostCheckpoints } from './checkpoint-memory.ts'
import type { ContextMemory, ContextShape } from './context-memory.ts'
import { parseGgufFile } from './gguf-metadata.ts'

/** What the engine writes beside the states: how many of what kind follow, for the model and each block. */
const HEADER_BYTES = 256
const KINDS = (Object.keys(TINY_MODELS) as TinyModel[]).filter((kind) => kind !== 'nomic-bert')
const larger: Partial<Record<TinyModel, TinyGgufOptions>> = {
  gemma3: { blocks: 6, period: 3, slidingTokens: 300 },
  mamba: { blocks: 8, stateLength: 64 },
  granitehybrid: { blocks: 6, period: 3, stateLength: 64 },
  lfm2: { blocks: 6, period: 3, kvHeads: 8, headLength: 16 },
  qwen35: { blocks: 8, period: 4, stateLength: 32 },
}

let ground: WorkerGround

beforeAll(async () => {
  ground = await WorkerGround.make()
})

afterAll(() => ground[Symbol.asyncDispose]())

test.each(KINDS)('%s: a checkpoint takes in the real engine what is reckoned', async (kind) => {
  const model = await ground.model(kind, { model: kind, width: 128, heads: 8, ...larger[kind] })
  const { contextMemory } = await parseGgufFile(ground.folder.at(`${kind}.gguf`))
  const shape: ContextShape = { contextTokens: 1_024, kvType: 'f16', batchTokens: 128 }
  const { sequence, state } = await ground.slot(model, shape.contextTokens)
  const read = async (tokens: number): Promise<number> => {
    await sequence.evaluateWithoutGeneratingNewTokens(Array.from({ length: tokens }, () => model.tokens.bos ?? raise()))
    const beforeBytes = sequence.checkpointsMemoryUsage
    await state.checkpoint()
    return sequence.checkpointsMemoryUsage - beforeBytes
  }
  await read(200)
  const reckoned = checkpointBytes(contextMemory, shape)
  const said = await read(700)
  expect(said - reckoned).toBeGreaterThanOrEqual(0)
  expect(said - reckoned).toBeLessThan(HEADER_BYTES)
  expect(reckoned > 0).toBe(sequence.needsCheckpoints)
  expect(mostCheckpoints(contextMemory, shape)).toBe(sequence.needsCheckpoints ? 8 : 0)
  await model.dispose()
})

function raise(): never {
  throw new Error('the model has no first token')
}

test('of large states there are fewer, one at least, and none where their size is not known', () => {
  const shape: ContextShape = { contextTokens: 8_192, kvType: 'f16', batchTokens: 128 }
  const memory = (stateMib: number): ContextMemory => ({
    wholeElementsPerToken: 1_024,
    slidingElementsPerToken: 0,
    slidingTokens: 0,
    stateElements: (stateMib * 1024 * 1024) / 4,
    rowElements: 1_024,
    scoredHeads: 0,
    turnedElementsPerToken: 0,
    isKnown: true,
  })
  expect([0, 1, 8, 9, 32, 33, 64, 65, 500].map((mib) => mostCheckpoints(memory(mib), shape))).toEqual([
    0, 8, 8, 7, 2, 1, 1, 1, 1,
  ])
  expect(mostCheckpoints({ ...memory(1), isKnown: false }, shape)).toBe(0)
})
