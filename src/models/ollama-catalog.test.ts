import { createHash } from 'node:crypto'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { OllamaGround, type OllamaLayers } from '../../test/support/ollama-ground.ts'
import { plainCatalogSettings } from '../../test/support/plain-catalog-settings.ts'
import { TemporaryFolder } from '../../test/support/system-ground.ts'
import { DigestCache } from '../system/file-digest.ts'
import { tinyGguf } from '../testing/tiny-gguf.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { FileCatalog } from './catalog.ts'
import type { ConfiguredName } from './catalog-settings.ts'
import { LearnedFootprints } from './learned-footprints.ts'
import { MetadataCache } from './metadata-cache.ts'

/* Models of Ollama's in the catalog, beside grym's own. */

const LIBRARY = 'registry.ollama.ai/library'
const WEIGHTS = tinyGguf()

let ground: TemporaryFolder
let ollama: OllamaGround
let clock: VirtualClock
let catalog: FileCatalog
let entries: Readonly<Record<string, Partial<ConfiguredName>>>

beforeEach(async () => {
  ground = await TemporaryFolder.make()
  await mkdir(ground.at('own'))
  ollama = new OllamaGround(ground.at('ollama'))
  clock = new VirtualClock(0)
  entries = {}
  catalog = new FileCatalog({
    clock,
    folders: [ground.at('own')],
    ollamaFolders: [ollama.folder],
    digests: new DigestCache(ground.at('digests.json')),
    metadata: new MetadataCache(ground.at('metadata.json')),
    learned: await LearnedFootprints.open(ground.at('learned.json')),
    batchTokens: 128,
    gpuBatchTokens: 512,
    settings: () => plainCatalogSettings(entries),
  })
})

afterEach(() => ground[Symbol.asyncDispose]())

async function add(model: string, layers: OllamaLayers = [['model', WEIGHTS]]): Promise<string> {
  return ollama.blobPath((await ollama.add(model, layers))[0])
}

async function ids(): Promise<string[]> {
  return (await catalog.list()).map(({ id }) => id)
}

async function idOf(name: string): Promise<string> {
  return (await catalog.resolve(name)).id
}

async function refusal(name: string): Promise<{ readonly reason: string; readonly message: string }> {
  return catalog.resolve(name).then(
    () => ({ reason: 'none', message: '' }),
    (error: unknown) => error as { readonly reason: string; readonly message: string },
  )
}

describe('names', () => {
  test('models are listed as Ollama shows them, the default one first', async () => {
    await add(`${LIBRARY}/alpha/1b`)
    await add(`${LIBRARY}/tiny/latest`)
    await add('hf.co/user/repo-GGUF/Q4_K_M')
    expect(await ids()).toEqual(['tiny:latest', 'alpha:1b', 'hf.co/user/repo-GGUF:Q4_K_M'])
  })

  test.each([
    ['tiny:latest'],
    ['tiny'],
    [undefined],
    ['Tiny'],
    ['local:tiny'],
    ['library/tiny'],
    ['registry.ollama.ai/library/tiny:latest'],
  ])('%j is tiny:latest', async (name) => {
    const path = await add(`${LIBRARY}/tiny/latest`)
    const { id, platform } = await catalog.resolve(name)
    expect([id, platform]).toEqual(['tiny:latest', 'local'])
    expect(await catalog.locate(id)).toEqual({
      path,
      sizeBytes: WEIGHTS.length,
      contextTokens: expect.any(Number),
      ollamaName: 'tiny:latest',
    })
  })

  test('a tag that is not there is unknown; near ones are offered', async () => {
    await add(`${LIBRARY}/tiny/1b`)
    expect(await refusal('tiny:2b')).toMatchObject({ reason: 'model-not-found' })
    expect((await refusal('tiny:2b')).message).toContain('Did you mean tiny:1b?')
    expect(await refusal('other')).toMatchObject({ reason: 'model-not-found' })
  })

  test('Ollama’s come first under a name; grym’s own of that name is asked for by `local:`', async () => {
    await add(`${LIBRARY}/tiny/latest`)
    await add(`${LIBRARY}/tiny/1b`)
    await writeFile(ground.at('own/tiny.gguf'), tinyGguf({ name: 'tin2' }))
    await writeFile(ground.at('own/tiny:1b.gguf'), tinyGguf({ name: 'tin3' }))
    expect(await ids()).toEqual(['tiny:latest', 'local:tiny', 'local:tiny:1b', 'tiny:1b'])
    for (const name of ['tiny', 'tiny:1b']) {
      expect((await catalog.locate((await catalog.resolve(name)).id)).ollamaName).toBeDefined()
      const own = await catalog.resolve(`local:${name}`)
      expect(own.id).toBe(`local:${name}`)
      expect((await catalog.locate(own.id)).path).toBe(ground.at(`own/${name}.gguf`))
    }
  })

  test('one that Ollama has just pulled is found two seconds after the last look', async () => {
    await add(`${LIBRARY}/tiny/latest`)
    expect(await idOf('tiny')).toBe('tiny:latest')
    await add(`${LIBRARY}/late/latest`)
    expect(await refusal('late')).toMatchObject({ reason: 'model-not-found' })
    await clock.advanceTo(2_000)
    expect(await idOf('late')).toBe('late:latest')
  })
})

describe('weights', () => {
  test('are known by their digest: two names, and grym’s own copy, share them', async () => {
    await add(`${LIBRARY}/tiny/latest`)
    await add(`${LIBRARY}/twin/latest`, [
      ['model', WEIGHTS],
      ['system', 'Be brief.'],
    ])
    await writeFile(ground.at('own/mine.gguf'), WEIGHTS)
    const models = await Promise.all(['tiny', 'twin', 'mine'].map((name) => catalog.resolve(name)))
    const digest = createHash('sha256').update(WEIGHTS).digest('hex')
    expect(models.map(({ engineKey }) => engineKey)).toEqual([digest, digest, digest])
  })

  test('are never deleted', async () => {
    const path = await add(`${LIBRARY}/tiny/latest`)
    for (const refuse of [catalog.remove('tiny'), catalog.checkRemovable('tiny')]) {
      await expect(refuse).rejects.toMatchObject({
        reason: 'invalid-request',
        message: expect.stringContaining('belongs to Ollama, which deletes it with `ollama rm tiny:latest`'),
      })
    }
    expect(await readdir(ground.at('ollama/blobs'))).toContain(path.slice(path.lastIndexOf('/') + 1))
  })
})

describe('settings', () => {
  test('those of the model are its defaults; an entry’s win, one by one', async () => {
    const params = '{"temperature": 0.5, "top_k": 5, "num_ctx": 512, "stop": ["X"], "num_predict": 9}'
    await add(`${LIBRARY}/tiny/latest`, [
      ['model', WEIGHTS],
      ['system', 'Be brief.'],
      ['params', params],
    ])
    const defaults = { system: 'Be brief.', sampling: { temperature: 0.5, topK: 5 }, maxTokens: 9, stop: ['X'] }
    expect(await catalog.resolve('tiny')).toMatchObject({ contextTokens: 512, defaults })
    expect((await catalog.list())[0]?.contextTokens).toBe(512)
    entries = { tiny: { settings: { sampling: { topK: 1 }, contextTokens: 600, priority: 3 } } }
    for (const name of ['tiny', 'tiny:latest', 'TINY']) {
      const { id, contextTokens, defaults: set, priority } = await catalog.resolve(name)
      expect([id, contextTokens, priority]).toEqual(['tiny:latest', 600, 3])
      expect(set).toEqual({ ...defaults, sampling: { temperature: 0.5, topK: 1 } })
    }
    expect((await catalog.list()).map(({ id, contextTokens }) => [id, contextTokens])).toEqual([['tiny:latest', 600]])
  })

  test('an alias with a context of its own is a model on the same weights', async () => {
    await add(`${LIBRARY}/tiny/latest`)
    entries = { wide: { name: 'tiny', settings: { contextTokens: 2_048 } }, same: { name: 'tiny' } }
    expect(await catalog.resolve('wide')).toMatchObject({ id: 'wide', contextTokens: 2_048 })
    expect(await idOf('same')).toBe('tiny:latest')
    expect((await catalog.locate('wide')).ollamaName).toBe('tiny:latest')
    expect(await ids()).toEqual(['tiny:latest', 'wide'])
  })

  test('adapters of the model and of its entry are both put on', async () => {
    const [, adapter] = await ollama.add(`${LIBRARY}/tiny/latest`, [
      ['model', WEIGHTS],
      ['adapter', 'LORA'],
    ])
    const own = { path: ollama.blobPath(adapter), scale: 1 }
    expect((await catalog.resolve('tiny')).engine.loras).toEqual([own])
    entries = { 'tiny:latest': { settings: { loras: [{ path: '/x', scale: 2 }] } } }
    expect((await catalog.resolve('tiny:latest')).engine.loras).toEqual([own, { path: '/x', scale: 2 }])
  })

  test('what of it is not used can be looked up', async () => {
    await add(`${LIBRARY}/tiny/latest`, [
      ['model', WEIGHTS],
      ['template', '{{ .Prompt }}'],
    ])
    const { ollama: model } = await catalog.describe('tiny')
    expect([model?.name, model?.notes]).toEqual([
      'tiny:latest',
      ['its template (Go) is left out: that of the GGUF counts, or ChatML'],
    ])
  })
})

describe('what cannot be used', () => {
  test('is not listed; asked for by name it says why, and the way out', async () => {
    await ollama.add(`${LIBRARY}/big/cloud`, [], { remote_host: 'https://ollama.com:443' })
    await ollama.add(`${LIBRARY}/mlx/latest`, [['tensor', 'T']])
    await add(`${LIBRARY}/old/latest`, [['model', WEIGHTS.subarray(0, 200_000)]])
    await add(`${LIBRARY}/text/latest`, [['model', 'no GGUF, but long enough for a header']])
    await add(`${LIBRARY}/tiny/latest`)
    expect(await ids()).toEqual(['tiny:latest'])
    for (const [name, why, wayOut] of [
      ['big:cloud', 'it runs in the cloud ("https://ollama.com:443")', 'Start Ollama'],
      ['mlx', 'it is single tensors (safetensors, MLX), not a GGUF', 'get another GGUF of it with `grym pull`'],
      ['old', "its file may be in a form of Ollama's own: its header speaks of", '`ollama pull old:latest`'],
      ['text', 'it is not a GGUF file', '`ollama pull text:latest`'],
    ] as const) {
      const { reason, message } = await refusal(name)
      expect(reason).toBe('ollama-model-unusable')
      expect(message).toContain(why)
      expect(message).toContain(wayOut)
      expect(message).not.toContain('sha256-')
    }
    const { models, unusable } = await catalog.ollama()
    expect(models.map(({ name }) => name)).toEqual(['tiny:latest'])
    expect(unusable.map(({ name }) => name)).toEqual(['big:cloud', 'mlx:latest', 'old:latest', 'text:latest'])
  })

  test('one whose file is gone says that Ollama can get it again', async () => {
    const path = await add(`${LIBRARY}/tiny/latest`)
    expect(await idOf('tiny')).toBe('tiny:latest')
    await rm(path)
    expect((await refusal('tiny')).message).toContain('Get it again with `ollama pull tiny:latest`.')
  })

  test('a store that cannot be read hides nothing of grym’s own, and is told of names that are not found', async () => {
    await writeFile(ground.at('own/tiny.gguf'), WEIGHTS)
    await ground.write('ollama/manifests', '')
    expect(await ids()).toEqual(['tiny'])
    expect((await refusal('llama3.2')).message).toContain("Not all of Ollama's models can be looked at")
  })
})
