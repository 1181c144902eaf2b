import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { testEmbeddedContract } from '../../../test/support/embedded-contract.ts'
import { EmbeddedGround, localModel } from '../../../test/support/embedded-ground.ts'
import type { GenerateChunk, GenerateRequest } from '../../spec/chat.ts'
import { tinyGguf, type TinyModel } from '../../testing/tiny-gguf.ts'

/*
 * The contract on one generated model of each kind that the engine knows: what holds for plain attention has to hold for
 * sliding windows, recurrent and hybrid models too. Many processes one after the other, so it is no test for every save.
 */

const KINDS: readonly TinyModel[] = [
  'grouped-query',
  'gemma3',
  'mixtral',
  'deepseek2',
  'mamba',
  'lfm2',
  'granitehybrid',
  'qwen35',
]

let folder = ''
const paths = new Map<string, string>()
let ground: EmbeddedGround

async function place(id: string, content: Uint8Array): Promise<void> {
  paths.set(id, join(folder, `${id}.gguf`))
  await writeFile(join(folder, `${id}.gguf`), content)
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'grym-generated-'))
  await place('other', tinyGguf({ name: 'tine', seed: 2 }))
  await place('infill', tinyGguf({ infill: true }))
  await place('encoder', tinyGguf({ model: 'nomic-bert' }))
  for (const kind of KINDS) await place(kind, tinyGguf({ model: kind, isEndless: true, spread: 0.3 }))
})

afterAll(() => rm(folder, { recursive: true, force: true }))

beforeEach(() => {
  ground = new EmbeddedGround(folder, paths)
})

afterEach(() => ground.provider.dispose())

describe.each(KINDS)('%s', (kind) => {
  beforeAll(() => place('sibling', tinyGguf({ model: kind, isEndless: true, spread: 0.3 })))

  testEmbeddedContract(kind, 1_024, (keptStates) => new EmbeddedGround(folder, paths, { keptStates }))
})

function request(changes: Partial<GenerateRequest>): GenerateRequest {
  return { messages: [], sampling: { temperature: 0 }, maxTokens: 4, stop: [], ...changes }
}

async function last(modelId: string, asked: GenerateRequest): Promise<GenerateChunk | undefined> {
  let chunk: GenerateChunk | undefined
  for await (chunk of ground.provider.generate(modelId, asked, new AbortController().signal));
  return chunk
}

test('a gap is filled by a model that has tokens for it', async () => {
  await ground.provider.load(localModel('infill', 'i'), new AbortController().signal)
  const prompts = []
  for (const completion of [{ prompt: 'ab' }, { prompt: 'ab', suffix: 'cde' }]) {
    const end = await last('infill', request({ completion }))
    if (end?.type !== 'end') throw new Error('no end')
    prompts.push(end.usage.promptTokens)
  }
  // The suffix, and the three marks around both.
  expect((prompts[1] ?? 0) - (prompts[0] ?? 0)).toBeGreaterThanOrEqual(6)
})

test('an encoder embeds: of every text a vector of length 1', async () => {
  await ground.provider.load(localModel('encoder', 'e'), new AbortController().signal)
  const { vectors } = await ground.provider.embed('encoder', ['one', 'another'], new AbortController().signal)
  expect(vectors.map((vector) => Math.abs(Math.hypot(...vector) - 1) < 1e-4)).toEqual([true, true])
})
