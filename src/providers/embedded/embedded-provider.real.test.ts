import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, test } from 'vitest'
import { EmbeddedGround } from '../../../test/support/embedded-ground.ts'
import { KeptStatesGround } from '../../../test/support/kept-states-ground.ts'
import { smollm2 } from '../../../test/support/smollm2.ts'
import { PROVIDER_CONTRACT } from '../../testing/provider-contract.ts'
import { tinyGguf } from '../../testing/tiny-gguf.ts'

/*
 * The contract of every provider on the embedded engine with the real model.
 */

let folder = ''
const paths = new Map<string, string>()
let ground: EmbeddedGround
let keptStates: KeptStatesGround

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'grym-embedded-'))
  const tiny = join(folder, 'tiny.gguf')
  await writeFile(tiny, tinyGguf())
  paths.set('smollm2', await smollm2())
  paths.set('sibling', await smollm2())
  paths.set('other', tiny)
})

afterAll(() => rm(folder, { recursive: true, force: true }))

beforeEach(async () => {
  keptStates = await KeptStatesGround.make()
  ground = new EmbeddedGround(folder, paths, { keptStates, cores: 2 })
})

afterEach(async () => {
  await ground.provider.dispose()
  await keptStates[Symbol.asyncDispose]()
})

describe('the contract of every provider, with the real model', () => {
  for (const { promise, run } of PROVIDER_CONTRACT) test(promise, () => run(ground.subject('smollm2', 512)))
})
