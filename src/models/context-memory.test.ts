import { writeFile } from 'node:fs/promises'
import fc from 'fast-check'
import { getLlama, type Llama, LlamaLogLevel, type LlamaModel } from 'node-llama-cpp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TemporaryFolder } from '../../test/support/system-ground.ts'
import { tinyGguf, type TinyGgufOptions } from '../testing/tiny-gguf.ts'
import { TINY_MODELS, type TinyModel } from '../testing/tiny/tiny-models.ts'
import { type ContextMemory, type ContextShape, keptBytes, mostTokens, scratchBytes } from './context-memory.ts'
import { parseGgufFile } from './gguf-metadata.ts'

const MIB = 1024 * 1024
/** What the engine prints is rounded to a hundredth of a MiB, for each of the caches it has. */
const ROUNDING_BYTES = 3 * 0.005 * MIB

interface Said {
  readonly keptBytes: number
  readonly computeBytes: number
}

describe('the real engine says the same', () => {
  let llama: Llama
  let folder: TemporaryFolder
  let log = ''

  beforeAll(async () => {
    folder = await TemporaryFolder.make()
    llama = await getLlama({
      build: 'never',
      skipDownload: true,
      gpu: false,
      maxThreads: 1,
      logLevel: LlamaLogLevel.debug,
      logger: (_level, text) => (log += text),
    })
  })

  afterAll(async () => {
    await llama.dispose()
    await folder[Symbol.asyncDispose]()
  })

  /** What llama.cpp prints when a context is made. */
  async function ask(model: LlamaModel, { contextTokens, batchTokens }: ContextShape): Promise<Said> {
    log = ''
    const context = await model.createContext({
      contextSize: contextTokens,
      batchSize: batchTokens,
      sequences: 1,
      failedCreationRemedy: false,
      ignoreMemorySafetyChecks: true,
    })
    // The library hands over what was printed a little later.
    await expect.poll(() => log).toContain('compute buffer size')
    await context.dispose()
    const sum = (of: RegExp): number => [...log.matchAll(of)].reduce((bytes, [, mib]) => bytes + Number(mib) * MIB, 0)
    const last = [...log.matchAll(/compute buffer size =\s+([\d.]+) MiB/g)].at(-1)
    return {
      keptBytes: sum(/(?:KV|RS) buffer size =\s+([\d.]+) MiB/g),
      computeBytes: Number(last?.[1]) * MIB,
    }
  }

  const sizes = { width: 128, heads: 8, kvHeads: 4, headLength: 32, feedForward: 256, contextTokens: 65_536 }
  const larger: Partial<Record<TinyModel, TinyGgufOptions>> = {
    'grouped-query': { kvHeads: 2 },
    gemma3: { blocks: 6, period: 3, slidingTokens: 300 },
    mamba: { blocks: 8, stateLength: 64 },
    granitehybrid: { blocks: 6, period: 3, stateLength: 64 },
    lfm2: { blocks: 6, period: 3, kvHeads: 8, headLength: 16 },
    qwen35: { blocks: 8, period: 4, stateLength: 32 },
    deepseek2: { latentLength: 128 },
  }
  test.each(Object.keys(TINY_MODELS) as TinyModel[])('%s', async (kind) => {
    const modelPath = folder.at(`${kind}.gguf`)
    await writeFile(modelPath, tinyGguf({ model: kind, ...sizes, ...larger[kind] }))
    const { contextMemory, vocabularySize } = await parseGgufFile(modelPath)
    expect(contextMemory.isKnown).toBe(true)
    const model = await llama.loadModel({ modelPath, gpuLayers: 0, ignoreMemorySafetyChecks: true })
    for (const contextTokens of [700, 8_192]) {
      const shape = { contextTokens, kvType: 'f16', batchTokens: 128 } as const
      const said = await ask(model, shape)
      expect(Math.abs(keptBytes(contextMemory, shape) - said.keptBytes)).toBeLessThan(ROUNDING_BYTES)
      // The engine has room for an output of every token, which is not used; what else lies there cannot be told.
      const outputBytes = 128 * vocabularySize * 4
      const scratch = scratchBytes(contextMemory, shape)
      expect(scratch).toBeGreaterThan(0.8 * (said.computeBytes - outputBytes))
      expect(scratch).toBeLessThan(1.6 * said.computeBytes)
    }
    await model.dispose()
  })
})

const plain: ContextMemory = {
  wholeElementsPerToken: 11_520,
  slidingElementsPerToken: 0,
  slidingTokens: 0,
  stateElements: 0,
  rowElements: 7_488,
  scoredHeads: 0,
  turnedElementsPerToken: 0,
  isKnown: true,
}
const shapeOf = (contextTokens: number): ContextShape => ({ contextTokens, kvType: 'f16', batchTokens: 128 })
const memories = fc.record({
  wholeElementsPerToken: fc.nat(100_000),
  slidingElementsPerToken: fc.nat(100_000),
  slidingTokens: fc.integer({ min: 1, max: 8_192 }),
  stateElements: fc.nat(1_000_000),
  rowElements: fc.nat(100_000),
  scoredHeads: fc.nat(64),
  turnedElementsPerToken: fc.nat(1_000),
  isKnown: fc.boolean(),
})

test('a quantised cache takes its blocks of 32 elements and their scales', () => {
  const bytes = (kvType: ContextShape['kvType']): number => keptBytes(plain, { ...shapeOf(2_048), kvType })
  expect(bytes('f16')).toBe(2_048 * 11_520 * 2)
  expect(bytes('f32')).toBe(2_048 * 11_520 * 4)
  expect(bytes('q8_0')).toBe((2_048 * 11_520 * 34) / 32)
  expect(bytes('q4_0')).toBe((2_048 * 11_520 * 18) / 32)
})

test('more window never takes less, and a state does not grow', () => {
  fc.assert(
    fc.property(memories, fc.integer({ min: 1, max: 1e6 }), fc.nat(1e6), (memory, tokens, more) => {
      const [less, most] = [shapeOf(tokens), shapeOf(tokens + more)]
      expect(keptBytes(memory, most)).toBeGreaterThanOrEqual(keptBytes(memory, less))
      expect(scratchBytes(memory, most)).toBeGreaterThanOrEqual(scratchBytes(memory, less))
      const state = { ...memory, wholeElementsPerToken: 0, slidingElementsPerToken: 0 }
      expect(keptBytes(state, most)).toBe(4 * memory.stateElements)
    }),
  )
})

test('the largest window within a limit keeps to it, and one more step would not', () => {
  fc.assert(
    fc.property(memories, fc.integer({ min: 1, max: 2 ** 40 }), (memory, maxBytes) => {
      const tokens = mostTokens(memory, { kvType: 'f16', batchTokens: 128 }, maxBytes)
      if (tokens === Infinity) {
        expect(keptBytes({ ...memory, stateElements: 0 }, shapeOf(1e6))).toBeLessThanOrEqual(maxBytes)
        return
      }
      const steps = Math.floor(tokens / 256)
      if (steps > 0) expect(keptBytes(memory, shapeOf(steps * 256))).toBeLessThanOrEqual(maxBytes)
      expect(keptBytes(memory, shapeOf((Math.max(0, steps) + 1) * 256))).toBeGreaterThan(maxBytes)
    }),
  )
})
