import { mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { plainCatalogSettings } from '../../test/support/plain-catalog-settings.ts'
import { TemporaryFolder } from '../../test/support/system-ground.ts'
import { DigestCache } from '../system/file-digest.ts'
import { tinyGguf } from '../testing/tiny-gguf.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { FileCatalog } from './catalog.ts'
import type { CatalogSettings } from './catalog-settings.ts'
import { LearnedFootprints } from './learned-footprints.ts'
import { MetadataCache } from './metadata-cache.ts'

let ground: TemporaryFolder
let clock: VirtualClock
let learned: LearnedFootprints
let catalog: FileCatalog
let configured: CatalogSettings

beforeEach(async () => {
  ground = await TemporaryFolder.make()
  await mkdir(ground.at('own'))
  clock = new VirtualClock(0)
  configured = plainCatalogSettings()
  learned = await LearnedFootprints.open(ground.at('learned.json'))
  catalog = new FileCatalog({
    clock,
    folders: [ground.at('own'), ground.at('more')],
    ollamaFolders: [],
    digests: new DigestCache(ground.at('digests.json')),
    metadata: new MetadataCache(ground.at('metadata.json')),
    learned,
    batchTokens: 128,
    gpuBatchTokens: 512,
    settings: () => configured,
  })
})

afterEach(() => ground[Symbol.asyncDispose]())

async function place(name: string, content: Uint8Array = tinyGguf()): Promise<string> {
  await ground.write(name, '')
  await writeFile(ground.at(name), content)
  return ground.at(name)
}

async function ids(): Promise<string[]> {
  return (await catalog.list()).map(({ id }) => id)
}

describe('names', () => {
  test('a model is listed under its file name, the default one first', async () => {
    await place('own/alpha.gguf', tinyGguf({ name: 'alph' }))
    await place('more/below/tiny.GGUF')
    expect(await ids()).toEqual(['tiny', 'alpha'])
  })

  test.each([[undefined], ['default'], [''], ['tiny'], ['local:tiny']])('%j is the default model', async (name) => {
    await place('own/tiny.gguf')
    expect(await catalog.resolve(name)).toMatchObject({ id: 'tiny', platform: 'local', contextTokens: 1_024 })
  })

  test('the same file name in two folders: the second one carries its folder', async () => {
    await place('own/tiny.gguf')
    await place('more/tiny.gguf', tinyGguf({ name: 'tin2' }))
    expect(await ids()).toEqual(['tiny', 'more/tiny'])
    expect((await catalog.locate('more/tiny')).path).toBe(ground.at('more/tiny.gguf'))
  })

  test.each([
    ['../tiny'],
    ['/etc/passwd'],
    ['a/../../b'],
    ['tiny.gguf'],
    ['a\\b'],
    ['nul\u0000'],
    ['x'.repeat(257)],
    ['C:\\tiny'],
  ])('%j is refused: no path comes from a name', async (name) => {
    await place('own/tiny.gguf')
    await expect(catalog.resolve(name)).rejects.toMatchObject({ reason: 'invalid-model-id' })
  })

  test('a name of 256 characters is only unknown; near ones are offered', async () => {
    await place('own/tiny.gguf')
    await expect(catalog.resolve('x'.repeat(256))).rejects.toMatchObject({ reason: 'model-not-found' })
    await expect(catalog.resolve('tyni')).rejects.toThrow('Did you mean tiny?')
  })
})

describe('files', () => {
  test('equal content is the same weights, one letter less is not', async () => {
    await place('own/tiny.gguf')
    await place('own/twin.gguf')
    await place('own/other.gguf', tinyGguf({ name: 'tinz' }))
    const keys = await Promise.all(['tiny', 'twin', 'other'].map(async (id) => (await catalog.resolve(id)).engineKey))
    expect(keys[0]).toBe(keys[1])
    expect(keys[0]).not.toBe(keys[2])
  })

  test('a new one is found when it is asked for, two seconds after the last look', async () => {
    await place('own/tiny.gguf')
    await catalog.resolve('tiny')
    await place('own/late.gguf')
    await expect(catalog.resolve('late')).rejects.toMatchObject({ reason: 'model-not-found' })
    await clock.advanceTo(2_000)
    expect(await catalog.resolve('late')).toMatchObject({ id: 'late' })
  })

  test('one that is gone says so', async () => {
    const path = await place('own/tiny.gguf')
    await catalog.resolve('tiny')
    await rm(path)
    await expect(catalog.resolve('tiny')).rejects.toMatchObject({ reason: 'model-file-missing' })
    expect(await ids()).toEqual([])
  })

  test('damaged ones are not offered; asked for by name they say what is wrong', async () => {
    await place('own/tiny.gguf')
    await place('own/half.gguf', tinyGguf().subarray(0, 200_000))
    expect(await ids()).toEqual(['tiny'])
    await expect(catalog.resolve('half')).rejects.toMatchObject({ reason: 'model-file-corrupt' })
  })

  test('links to files count, links to nothing and to folders do not', async () => {
    const path = await place('elsewhere/real.gguf')
    await symlink(path, ground.at('own/linked.gguf'))
    await symlink(ground.at('nowhere'), ground.at('own/dangling.gguf'))
    await symlink(ground.at('own'), ground.at('own/loop'))
    expect(await ids()).toEqual(['linked'])
  })

  test('a split model is one, as large as its parts', async () => {
    await place('own/big-00001-of-00002.gguf')
    await place('own/big-00002-of-00002.gguf', Buffer.alloc(1_000))
    expect((await catalog.list()).map(({ id, sizeBytes }) => [id, sizeBytes])).toEqual([['big', 519_648 + 1_000]])
  })

  test('one named by its path is known from then on, and never deleted by us', async () => {
    const path = await place('elsewhere/mine.gguf')
    expect(await catalog.addFile(path)).toBe('mine')
    expect(await ids()).toEqual(['mine'])
    await expect(catalog.remove('mine')).rejects.toThrow('delete the file yourself')
    await expect(catalog.addFile(ground.at('elsewhere/gone.gguf'))).rejects.toMatchObject({
      reason: 'model-file-missing',
    })
  })

  test('removing one deletes its file and says how much that was', async () => {
    await place('own/tiny.gguf')
    expect(await catalog.remove('tiny')).toBe(519_648)
    expect(await ids()).toEqual([])
    await expect(catalog.remove('tiny')).rejects.toMatchObject({ reason: 'model-not-found' })
  })
})

describe('what a model takes', () => {
  test('is estimated from its header, and the window is no larger than it was trained for', async () => {
    await place('own/tiny.gguf', tinyGguf({ contextTokens: 512 }))
    const { contextTokens, estimate, maxPromptBytes } = await catalog.resolve('tiny')
    expect([contextTokens, estimate.source, maxPromptBytes]).toEqual([512, 'estimated', 512 * 6])
  })

  test('is what was measured, once it was', async () => {
    await place('own/tiny.gguf')
    const { engineKey, contextTokens, parallel } = await catalog.resolve('tiny')
    const key = { engineKey, contextTokens, parallel, kvType: 'f16' as const }
    await learned.learn(key, 123_456_789)
    const { weightsBytes, contextBytes, processBytes, source } = (await catalog.resolve('tiny')).estimate
    expect([weightsBytes + contextBytes + processBytes, source]).toEqual([123_456_789, 'learned'])
    const reopened = await LearnedFootprints.open(ground.at('learned.json'))
    const estimate = { weightsBytes: 1, contextBytes: 1, processBytes: 1, source: 'estimated' as const }
    expect(reopened.correct(key, estimate).source).toBe('learned')
  })
})

describe('what a person has set', () => {
  test('an alias is the model that it leads to, with defaults of its own for requests', async () => {
    await place('own/tiny.gguf')
    configured = plainCatalogSettings({
      'claude-x': { name: 'tiny', settings: { system: 'Be brief.', sampling: { topK: 1 } } },
    })
    const defaults = { system: 'Be brief.', sampling: { topK: 1 } }
    expect(await catalog.resolve('claude-x')).toMatchObject({ id: 'tiny', defaults })
    expect(await catalog.resolve('tiny')).toMatchObject({ id: 'tiny', defaults: {} })
  })

  test('an entry whose context is made in another way is a model of its own on the same weights', async () => {
    await place('own/tiny.gguf')
    configured = plainCatalogSettings({ wide: { name: 'tiny', settings: { contextTokens: 2_048, parallel: 2 } } })
    const [tiny, wide] = [await catalog.resolve('tiny'), await catalog.resolve('wide')]
    expect(wide).toMatchObject({ id: 'wide', contextTokens: 2_048, parallel: 2, engineKey: tiny.engineKey })
    expect(await catalog.locate('wide')).toEqual(await catalog.locate('tiny'))
    expect(await ids()).toEqual(['tiny', 'wide'])
  })

  test('a batch of its own takes what it takes, and is not mistaken for what was measured with another', async () => {
    await place('own/tiny.gguf')
    configured = plainCatalogSettings({ large: { name: 'tiny', settings: { batchTokens: 1_024 } } })
    const [tiny, large] = [await catalog.resolve('tiny'), await catalog.resolve('large')]
    expect([tiny.engine.batchTokens, large.engine.batchTokens]).toEqual([undefined, 1_024])
    expect(large.estimate.contextBytes).toBeGreaterThan(tiny.estimate.contextBytes)
    const { engineKey, contextTokens, parallel } = tiny
    await learned.learn({ engineKey, contextTokens, parallel, kvType: 'f16' }, 123_456_789)
    const sources = [await catalog.resolve('tiny'), await catalog.resolve('large')].map(
      ({ estimate }) => estimate.source,
    )
    expect(sources).toEqual(['learned', 'estimated'])
  })

  test('an entry of exactly this name wins over a prefix; else a prefix is what it says', async () => {
    await place('own/tiny.gguf')
    configured = plainCatalogSettings({ 'lmstudio:m': { name: 'tiny' }, tiny: { name: 'other' } })
    expect((await catalog.resolve('lmstudio:m')).id).toBe('tiny')
    expect((await catalog.resolve('local:tiny')).id).toBe('tiny')
    await expect(catalog.resolve('lmstudio:n')).rejects.toMatchObject({ reason: 'model-not-found' })
  })

  test('an entry may name its file: it is listed and found by the entry’s name', async () => {
    const path = await place('elsewhere/some.gguf')
    configured = plainCatalogSettings({ mine: { path } })
    expect(await ids()).toEqual(['mine'])
    expect((await catalog.locate((await catalog.resolve('mine')).id)).path).toBe(path)
    await expect(catalog.remove('mine')).rejects.toMatchObject({ reason: 'invalid-request' })
  })

  test('a file that is not there is told when it is asked for', async () => {
    configured = plainCatalogSettings({ mine: { path: ground.at('none.gguf') } })
    expect(await ids()).toEqual([])
    await expect(catalog.resolve('mine')).rejects.toMatchObject({ reason: 'model-file-missing' })
  })

  test('a size by hand is believed before what was learned, and says where it is from', async () => {
    await place('own/tiny.gguf')
    configured = { ...plainCatalogSettings(), modelSizesBytes: { tiny: 5e9 } }
    const { weightsBytes, contextBytes, processBytes, source } = (await catalog.resolve('tiny')).estimate
    expect([weightsBytes + contextBytes + processBytes, source]).toEqual([5e9, 'configured'])
  })

  test('a window is made smaller where its KV cache would take more than is allowed', async () => {
    await place('own/tiny.gguf')
    const tokenBytes = 2 * 2 * 64 * 2
    configured = { ...plainCatalogSettings(), maxKvBytes: 600 * tokenBytes }
    expect((await catalog.resolve('tiny')).contextTokens).toBe(600)
    configured = { ...plainCatalogSettings(), maxKvBytes: 1 }
    expect((await catalog.resolve('tiny')).contextTokens).toBe(256)
  })

  test('residency: pin, priority and time in memory come from the entry', async () => {
    await place('own/tiny.gguf')
    const residency = { pinned: true, priority: 5, idleTimeoutMs: null }
    configured = plainCatalogSettings({ tiny: { settings: residency } })
    expect(await catalog.resolve('tiny')).toMatchObject(residency)
    configured = plainCatalogSettings()
    expect(await catalog.resolve('tiny')).toMatchObject({ pinned: false, priority: 0, idleTimeoutMs: 'default' })
  })

  test('a template from a file is read, and a missing one says so', async () => {
    await place('own/tiny.gguf')
    await ground.write('t.jinja', 'X')
    const template = { kind: 'file' as const, path: ground.at('t.jinja') }
    configured = plainCatalogSettings({ tiny: { settings: { template } } })
    expect((await catalog.resolve('tiny')).engine.template).toBe('X')
    configured = plainCatalogSettings({ tiny: { settings: { template: { ...template, path: ground.at('none') } } } })
    await expect(catalog.resolve('tiny')).rejects.toMatchObject({ reason: 'config-invalid' })
  })
})
