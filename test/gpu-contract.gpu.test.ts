import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, test } from 'vitest'
import type { GpuNeed } from '../src/spec/gpu-placement.ts'
import { PROVIDER_CONTRACT } from '../src/testing/provider-contract.ts'
import { tinyGguf } from '../src/testing/tiny-gguf.ts'
import { EmbeddedGround } from './support/embedded-ground.ts'
import { KeptStatesGround } from './support/kept-states-ground.ts'
import { gpuCatalog, gpuUnderTest, PlacedProvider, placeOn } from './support/gpu-ground.ts'

/*
 * The contract with all layers on a real GPU. Not with Vulkan in software: there one answer takes half a minute, and Mesa's
 * drivers of Debian 12 crash over some batches.
 */

const { backend, enginesFolder } = gpuUnderTest()
let folder = ''
const paths = new Map<string, string>()
let ground: EmbeddedGround
let keptStates: KeptStatesGround
let need: GpuNeed | undefined

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'grym-gpu-'))
  await mkdir(join(folder, 'models'))
  const models = {
    llama: tinyGguf({ isEndless: true, spread: 0.3 }),
    sibling: tinyGguf({ isEndless: true, spread: 0.3 }),
    other: tinyGguf({ seed: 2 }),
  }
  for (const [id, content] of Object.entries(models)) {
    paths.set(id, join(folder, 'models', `${id}.gguf`))
    await writeFile(join(folder, 'models', `${id}.gguf`), content)
  }
  need = (await (await gpuCatalog(folder)).resolve('llama')).gpu
})

afterAll(() => rm(folder, { recursive: true, force: true }))

beforeEach(async () => {
  keptStates = await KeptStatesGround.make()
  ground = new EmbeddedGround(folder, paths, { enginesFolder, mayUseGpus: () => true, keptStates })
})

afterEach(async () => {
  await ground.provider.dispose()
  await keptStates[Symbol.asyncDispose]()
})

describe('with all layers on the GPU', () => {
  for (const { promise, run } of PROVIDER_CONTRACT) {
    test(promise, async () => {
      const subject = ground.subject('llama', 1_024)
      const provider = new PlacedProvider(ground.provider, (definition) =>
        placeOn(backend, { ...definition, ...(need && { gpu: need }) }),
      )
      await run({ ...subject, provider })
    })
  }
})
