import { writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { plainCatalogSettings } from '../../test/support/plain-catalog-settings.ts'
import { TemporaryFolder } from '../../test/support/system-ground.ts'
import { DigestCache } from '../system/file-digest.ts'
import { tinyGguf } from '../testing/tiny-gguf.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { FileCatalog } from './catalog.ts'
import { LearnedFootprints } from './learned-footprints.ts'
import { MetadataCache } from './metadata-cache.ts'

test('a file whose entry wants llama-server is a model of a server of its own, in any window', async () => {
  await using ground = await TemporaryFolder.make()
  const path = ground.at('tiny.gguf')
  await writeFile(path, tinyGguf())
  const served = { engine: 'llama-server', contextTokens: 512 } as const
  const catalog = new FileCatalog({
    clock: new VirtualClock(0),
    folders: [ground.path],
    ollamaFolders: [],
    digests: new DigestCache(ground.at('digests.json')),
    metadata: new MetadataCache(ground.at('metadata.json')),
    learned: await LearnedFootprints.open(ground.at('learned.json')),
    batchTokens: 128,
    gpuBatchTokens: 512,
    settings: () => plainCatalogSettings({ served: { name: 'tiny', settings: served } }),
  })
  const embedded = await catalog.resolve('tiny')
  const server = await catalog.resolve('served')
  expect(embedded).toMatchObject({ id: 'tiny', platform: 'local', weights: { path } })
  expect(server).toMatchObject({ id: 'served', platform: 'server', weights: { path }, contextTokens: 512 })
  expect(server.engineKey).not.toBe(embedded.engineKey)
  expect(server.gpu).toBeUndefined()
  expect(server.estimate.processBytes).toBeLessThan(embedded.estimate.processBytes)
})

test('a larger window is given where it is wished for, but not where an entry sets one', async () => {
  await using ground = await TemporaryFolder.make()
  await writeFile(ground.at('tiny.gguf'), tinyGguf())
  const catalog = new FileCatalog({
    clock: new VirtualClock(0),
    folders: [ground.path],
    ollamaFolders: [],
    digests: new DigestCache(ground.at('digests.json')),
    metadata: new MetadataCache(ground.at('metadata.json')),
    learned: await LearnedFootprints.open(ground.at('learned.json')),
    batchTokens: 128,
    gpuBatchTokens: 512,
    settings: () => ({
      ...plainCatalogSettings({ short: { name: 'tiny', settings: { contextTokens: 256 } } }),
      contextTokens: 512,
    }),
  })
  const configured = await catalog.resolve('tiny')
  const { trainContextTokens } = await catalog.about('tiny')
  const wish = { leastContextTokens: 1_000_000, mostBytes: 1e12 }
  const larger = await catalog.resolve('tiny', wish)
  expect([configured.contextTokens, larger.contextTokens]).toEqual([512, trainContextTokens])
  expect(larger).toMatchObject({ id: configured.id, engineKey: configured.engineKey })
  expect(larger.estimate.contextBytes).toBeGreaterThan(configured.estimate.contextBytes)
  expect(await catalog.resolve('tiny', { ...wish, leastContextTokens: 511 })).toEqual(configured)
  expect(await catalog.resolve('short', wish)).toEqual(await catalog.resolve('short'))
})
