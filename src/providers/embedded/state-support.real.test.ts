import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { EmbeddedGround, localModel } from '../../../test/support/embedded-ground.ts'
import { DEFAULT_ENGINE_OPTIONS, type KvType } from '../../spec/model.ts'
import type { StateSupport } from '../../spec/state-support.ts'
import { tinyGguf } from '../../testing/tiny-gguf.ts'
import { TINY_MODELS, type TinyModel } from '../../testing/tiny/tiny-models.ts'

/* Which architectures' states can be saved and restored, by trying: the table in `docs/machines.md`. */

let folder = ''
let ground: EmbeddedGround
const kinds = Object.keys(TINY_MODELS) as TinyModel[]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'grym-states-'))
  // Weights so large that what is said depends on all that was said. Heads as long as a block of a quantised cache.
  for (const kind of kinds) {
    const file = tinyGguf({ model: kind, isEndless: true, spread: 0.3, headLength: 32 })
    await writeFile(join(folder, `${kind}.gguf`), file)
  }
})

afterAll(() => rm(folder, { recursive: true, force: true }))

beforeEach(() => {
  ground = new EmbeddedGround(folder, new Map(kinds.map((kind) => [kind, join(folder, `${kind}.gguf`)])))
})

afterEach(() => ground.provider.dispose())

async function probe(kind: TinyModel, kvType: KvType): Promise<StateSupport> {
  const model = { ...localModel(kind, kind), engine: { ...DEFAULT_ENGINE_OPTIONS, kvType } }
  await ground.provider.load(model, new AbortController().signal)
  return ground.provider.probeStateSupport(model, folder)
}

/** Of the small models: bytes whatever the text, and for each token of it. */
const SIZES: readonly [TinyModel, number, number][] = [
  ['llama', 76, 1_040],
  ['grouped-query', 76, 272],
  ['mixtral', 76, 1_040],
  ['gemma3', 92, 1_052],
  ['deepseek2', 52, 208],
  ['mamba', 19_536, 4],
  ['granitehybrid', 10_208, 528],
  ['lfm2', 608, 272],
  ['qwen35', 6_496, 540],
]

test.each(SIZES)('a state of %s goes to disk and back exactly', async (kind, fixedBytes, bytesPerToken) => {
  const support = await probe(kind, 'f16')
  expect(support).toMatchObject({ canSave: true, canRestore: true, isExact: true, fixedBytes, bytesPerToken })
  expect(support.reason).toBeUndefined()
  expect((await readdir(folder)).filter((name) => name.includes('state-probe'))).toEqual([])
})

test('a quantised cache does as well, and it says for which engine and type that was found', async () => {
  expect(await probe('llama', 'q8_0')).toMatchObject({
    architecture: 'llama',
    engineVersion: expect.stringMatching(/^node-llama-cpp \d/) as string,
    kvType: 'q8_0',
    canRestore: true,
    isExact: true,
  })
})

test('an encoder keeps nothing that could be restored, and says so', async () => {
  expect(await probe('nomic-bert', 'f16')).toMatchObject({
    canRestore: false,
    isExact: false,
    reason: expect.stringContaining('Failed to load state') as string,
  })
})

test('a model that is not in memory cannot be tried', async () => {
  const probed = ground.provider.probeStateSupport(localModel('llama', 'a'), folder)
  await expect(probed).rejects.toMatchObject({ reason: 'engine-lost' })
})
