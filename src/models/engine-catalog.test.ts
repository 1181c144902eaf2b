import { mkdir, writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { OllamaGround } from '../../test/support/ollama-ground.ts'
import { plainCatalogSettings } from '../../test/support/plain-catalog-settings.ts'
import { TemporaryFolder } from '../../test/support/system-ground.ts'
import type { EngineModels, OfferedModel } from '../spec/offered-model.ts'
import { DigestCache } from '../system/file-digest.ts'
import { tinyGguf } from '../testing/tiny-gguf.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import type { ConfiguredName } from './catalog-settings.ts'
import { FileCatalog } from './catalog.ts'
import { EngineCatalog } from './engine-catalog.ts'
import { LearnedFootprints } from './learned-footprints.ts'
import { MetadataCache } from './metadata-cache.ts'

const MB = 1_000_000

let ground: TemporaryFolder
let store: OllamaGround
let entries: Readonly<Record<string, Partial<ConfiguredName>>>
let ollama: ScriptedEngine
let lmStudio: ScriptedEngine
let servers: ScriptedEngine
let catalogFiles: FileCatalog
let learned: LearnedFootprints
let metadata: MetadataCache
let catalog: EngineCatalog

/** An engine that lists what a test gives it. */
class ScriptedEngine implements EngineModels {
  readonly platform: EngineModels['platform']
  models: OfferedModel[] = []
  fault: string | undefined
  /** Names that were looked for, one after the other. */
  readonly found: string[] = []

  constructor(platform: EngineModels['platform']) {
    this.platform = platform
  }

  async find(name: string): Promise<OfferedModel | undefined> {
    this.found.push(name)
    const isMeant = ({ engineName }: OfferedModel): boolean => engineName === name || engineName === `${name}:latest`
    return this.fault === undefined ? this.models.find(isMeant) : undefined
  }

  async list(): Promise<readonly OfferedModel[]> {
    return this.fault === undefined ? this.models : []
  }

  offer(engineName: string, changes: Partial<OfferedModel> = {}): void {
    const prefix = this.platform === 'ollama' ? '' : `${this.platform}:`
    this.models.push({
      id: prefix + engineName,
      engineName,
      platform: this.platform,
      engineKey: `${this.platform}:${engineName}`,
      modifiedAtMs: 5,
      sizeBytes: 100 * MB,
      weights: {},
      capabilities: ['completion'],
      architecture: null,
      parameterCount: null,
      quantization: null,
      trainContextTokens: null,
      chatTemplate: null,
      header: null,
      fixedContextTokens: null,
      fixedParallel: null,
      footprintBytes: null,
      isElsewhere: false,
      settings: {},
      ...changes,
    })
  }
}

beforeEach(async () => {
  ground = await TemporaryFolder.make()
  await mkdir(ground.at('own'))
  store = new OllamaGround(ground.at('ollama'))
  entries = {}
  ollama = new ScriptedEngine('ollama')
  lmStudio = new ScriptedEngine('lmstudio')
  servers = new ScriptedEngine('server')
  learned = await LearnedFootprints.open(ground.at('learned.json'))
  metadata = new MetadataCache(ground.at('metadata.json'))
  const settings = () => plainCatalogSettings(entries)
  catalogFiles = new FileCatalog({
    clock: new VirtualClock(0),
    folders: [ground.at('own')],
    ollamaFolders: [store.folder],
    digests: new DigestCache(ground.at('digests.json')),
    metadata,
    learned,
    batchTokens: 128,
    gpuBatchTokens: 512,
    settings,
  })
  catalog = new EngineCatalog({
    files: catalogFiles,
    engines: [ollama, lmStudio, servers],
    learned,
    metadata,
    settings,
  })
})

afterEach(() => ground[Symbol.asyncDispose]())

async function whose(name: string | undefined): Promise<string> {
  const { id, platform } = await catalog.resolve(name)
  return `${platform} ${id}`
}

describe('a name is looked for', () => {
  beforeEach(async () => {
    await writeFile(ground.at('own/tiny.gguf'), tinyGguf())
    await store.add('registry.ollama.ai/library/tiny/latest', [['model', tinyGguf({ name: 'tin2' })]])
  })

  test('by its prefix, where that says', async () => {
    lmStudio.offer('tiny')
    servers.offer('tiny')
    ollama.offer('tiny:latest')
    expect(await whose('lmstudio:tiny')).toBe('lmstudio lmstudio:tiny')
    expect(await whose('server:tiny')).toBe('server server:tiny')
    expect(await whose('local:tiny')).toBe('local local:tiny')
  })

  test('in the configuration, then at a running Ollama, then in its store, then in the folders', async () => {
    servers.offer('mine')
    ollama.offer('tiny:latest')
    entries = { tiny: { name: 'server:mine' } }
    expect(await whose('tiny')).toBe('server server:mine')
    entries = {}
    expect(await whose('tiny')).toBe('ollama tiny:latest')
    ollama.models = []
    expect(await whose('tiny')).toBe('local tiny:latest')
    expect(await whose(undefined)).toBe('local tiny:latest')
  })

  test('with `:latest` behind it as without, unless something is called so', async () => {
    servers.offer('mine')
    entries = { alias: { name: 'server:mine' } }
    await writeFile(ground.at('own/file.gguf'), tinyGguf())
    expect(await whose('file:latest')).toBe('local file')
    expect(await whose('alias:latest')).toBe('server server:mine')
    expect((await catalog.about('file:latest')).id).toBe('file')
    ollama.offer('alias:latest')
    expect(await whose('alias:latest')).toBe('ollama alias:latest')
    await expect(catalog.resolve('no:latest')).rejects.toThrow("Unknown model 'no'")
    await expect(catalog.resolve('file:other')).rejects.toMatchObject({ reason: 'model-not-found' })
  })

  test('among files, where an entry says what is to run it', async () => {
    ollama.offer('tiny:latest')
    entries = { served: { name: 'tiny', settings: { engine: 'llama-server' } } }
    expect(await whose('served')).toBe('server served')
    expect((await catalog.list()).filter(({ id }) => id === 'served')).toHaveLength(1)
  })

  test('only these prefixes mean anything', async () => {
    ollama.offer('deepseek-r1:14b')
    expect(await whose('deepseek-r1:14b')).toBe('ollama deepseek-r1:14b')
  })

  test('an entry of exactly the name wins over the prefix', async () => {
    entries = { 'lmstudio:tiny': { name: 'local:tiny' } }
    expect(await whose('lmstudio:tiny')).toBe('local local:tiny')
  })

  test('and every id leads to itself', async () => {
    lmStudio.offer('tiny')
    servers.offer('tiny')
    for (const offer of [() => {}, () => ollama.offer('tiny:latest')]) {
      offer()
      for (const { id } of await catalog.list()) expect((await catalog.resolve(id)).id).toBe(id)
    }
    expect((await catalog.list()).map(({ id }) => id)).toEqual([
      'tiny:latest',
      'lmstudio:tiny',
      'local:tiny',
      'server:tiny',
    ])
  })
})

describe('a name that nobody has', () => {
  test('is told with near ones of every engine, and with who could not be asked', async () => {
    ollama.offer('mistral:7b')
    lmStudio.fault = 'LM Studio at http://127.0.0.1:1234 does not answer.'
    await expect(catalog.resolve('mistrl:7b')).rejects.toMatchObject({
      reason: 'model-not-found',
      message: expect.stringMatching(/Unknown model 'mistrl:7b'. Did you mean mistral:7b\?.*LM Studio at .* does not/),
    })
  })

  test('at an engine that is asked by prefix and silent is that engine’s fault', async () => {
    lmStudio.fault = 'LM Studio at http://127.0.0.1:1234 does not answer.'
    await expect(catalog.resolve('lmstudio:x')).rejects.toMatchObject({ reason: 'engine-unreachable' })
    lmStudio.fault = undefined
    await expect(catalog.resolve('lmstudio:x')).rejects.toMatchObject({ reason: 'model-not-found' })
  })

  test('of an engine that is switched off is no id', async () => {
    const settings = () => plainCatalogSettings()
    const without = new EngineCatalog({ files: catalogFiles, engines: [], learned, metadata, settings })
    await expect(without.resolve('lmstudio:x')).rejects.toMatchObject({ reason: 'invalid-model-id' })
  })

  test.each([['server:../x'], ['lmstudio:/etc/passwd'], ['x'.repeat(257)]])('%j is no id', async (name) => {
    await expect(catalog.resolve(name)).rejects.toMatchObject({ reason: 'invalid-model-id' })
  })
})

describe('an offered model', () => {
  const HEADER = {
    'llama.block_count': 2,
    'llama.context_length': 2_048,
    'llama.embedding_length': 64,
    'llama.attention.head_count': 4,
    'llama.attention.head_count_kv': 2,
  }

  test('is estimated by its header: weights, keys and values, the engine', async () => {
    ollama.offer('m:1b', { header: HEADER, architecture: 'llama', trainContextTokens: 2_048 })
    const { estimate, contextTokens, engineName } = await catalog.resolve('m:1b')
    expect([contextTokens, engineName]).toEqual([1_024, 'm:1b'])
    expect(estimate).toMatchObject({ weightsBytes: 100 * MB, processBytes: 34 * MB, source: 'estimated' })
    // 1,024 tokens × 2 blocks × 2 heads × 16 wide × (key, value) × 2 bytes.
    expect(estimate.contextBytes).toBeGreaterThan(1_024 * 2 * 2 * 16 * 2 * 2)
    expect(estimate.contextBytes).toBeLessThan(10 * MB)
  })

  test('of which only the size is known takes a quarter of it for 8,192 tokens', async () => {
    entries = { 'lmstudio:m': { name: 'lmstudio:m', settings: { contextTokens: 8_192 } } }
    lmStudio.offer('m')
    expect((await catalog.resolve('lmstudio:m')).estimate.contextBytes).toBe(25 * MB)
  })

  test('whose file lies here is estimated by that', async () => {
    await writeFile(ground.at('served.gguf'), tinyGguf())
    servers.offer('m', { weights: { path: ground.at('served.gguf') } })
    servers.offer('gone', { weights: { path: ground.at('gone.gguf') } })
    const weights = async (name: string) => (await catalog.resolve(name)).estimate.weightsBytes
    expect(await weights('server:m')).toBeLessThan(MB)
    expect(await weights('server:gone')).toBe(100 * MB)
  })

  test('on another machine takes nothing of this one', async () => {
    servers.offer('far', { isElsewhere: true, sizeBytes: null })
    const { weightsBytes, contextBytes, processBytes } = (await catalog.resolve('server:far')).estimate
    expect(weightsBytes + contextBytes + processBytes).toBe(0)
  })

  test('has the window and the slots that its engine says', async () => {
    servers.offer('m', { fixedContextTokens: 512, fixedParallel: 3, footprintBytes: 7 * MB })
    const { contextTokens, parallel, estimate } = await catalog.resolve('server:m')
    expect([contextTokens, parallel, estimate.source]).toEqual([512, 3, 'configured'])
    expect((await catalog.list())[0]).toMatchObject({ id: 'server:m', contextTokens: 512, platform: 'server' })
  })

  test('under an alias of another window is a model of its own on the same engine', async () => {
    ollama.offer('m:1b')
    entries = { long: { name: 'm:1b', settings: { contextTokens: 4_096 } }, alike: { name: 'm:1b' } }
    expect(await catalog.resolve('long')).toMatchObject({
      id: 'long',
      engineName: 'm:1b',
      engineKey: 'ollama:m:1b',
      contextTokens: 4_096,
    })
    expect((await catalog.resolve('alike')).id).toBe('m:1b')
    expect((await catalog.list()).map(({ id }) => id)).toEqual(['long', 'm:1b'])
  })

  test('is described by what its engine tells', async () => {
    ollama.offer('m:1b', { header: HEADER, architecture: 'llama', quantization: 'Q4_0' })
    expect(await catalog.about('m:1b')).toMatchObject({ architecture: 'llama', blockCount: 2, vocabularyTokens: null })
    expect((await catalog.about('m:1b')).quantization).toBe('Q4_0')
  })
})

describe('the list', () => {
  test('asks no engine for single files, however many there are', async () => {
    for (const name of ['one', 'two', 'three']) await writeFile(ground.at(`own/${name}.gguf`), tinyGguf())
    ollama.offer('two:latest')
    expect((await catalog.list()).map(({ id }) => id)).toEqual(['local:two', 'one', 'three', 'two:latest'])
    // For the one that is listed first.
    expect(ollama.found).toHaveLength(1)
    expect(lmStudio.found).toEqual([])
  })

  test('asks all engines at the same time', async () => {
    const asked: string[] = []
    const { promise, resolve } = Promise.withResolvers<readonly OfferedModel[]>()
    for (const engine of [ollama, lmStudio, servers]) {
      engine.list = () => {
        asked.push(engine.platform)
        return promise
      }
    }
    const listing = catalog.list()
    expect(asked).toEqual(['ollama', 'lmstudio', 'server'])
    resolve([])
    expect(await listing).toEqual([])
  })

  test('shows entries that are models of their own, and leaves out those that lead nowhere', async () => {
    ollama.offer('m:1b')
    entries = {
      long: { name: 'm:1b', settings: { contextTokens: 4_096 } },
      lost: { name: 'lmstudio:gone' },
      'm:1b': { name: 'm:1b' },
    }
    expect((await catalog.list()).map(({ id }) => id)).toEqual(['long', 'm:1b'])
  })
})
