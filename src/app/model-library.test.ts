import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FileServer } from '../../test/support/file-server.ts'
import { OllamaGround } from '../../test/support/ollama-ground.ts'
import { TemporaryFolder } from '../../test/support/system-ground.ts'
import { resolveConfig } from '../config/config.ts'
import { EngineCatalog } from '../models/engine-catalog.ts'
import type { ModelLibrary } from '../spec/model-library.ts'
import { ScriptedManager } from '../testing/scripted-manager.ts'
import { tinyGguf } from '../testing/tiny-gguf.ts'
import { catalogSettings } from './catalog-settings.ts'
import { foldersOf, openCatalog } from './compose.ts'
import { modelLibrary } from './model-library.ts'

const MODEL = tinyGguf()
const REFERENCE = 'hf:some/repo/pulled.gguf'

let ground: TemporaryFolder
let hub: FileServer
let library: ModelLibrary
let catalog: EngineCatalog
let unloaded: (string | undefined)[]

beforeEach(async () => {
  ground = await TemporaryFolder.make()
  hub = await FileServer.start()
  unloaded = []
  const env = { GRYM_HOME: ground.at('home'), OLLAMA_MODELS: ground.at('ollama'), HF_ENDPOINT: hub.url }
  const config = resolveConfig({ env, flags: {} })
  const folders = await foldersOf(config)
  const { catalog: files, learned, metadata } = await openCatalog(config, folders)
  const settings = () => catalogSettings(config, folders)
  catalog = new EngineCatalog({ files, engines: [], learned, metadata, settings })
  const manager = new ScriptedManager()
  manager.unload = async (model) => {
    unloaded.push(model)
    return { modelId: model ?? '', state: 'unloaded', wasLoaded: true }
  }
  library = modelLibrary({ files, catalog, manager, folders, config: () => config, onNotice: () => {} })
  await writeFile(join(folders.models, 'mine.gguf'), MODEL)
})

afterEach(async () => {
  await hub[Symbol.asyncDispose]()
  await ground[Symbol.asyncDispose]()
})

const never = (): AbortSignal => new AbortController().signal
const ids = async (): Promise<string[]> => (await catalog.list()).map(({ id }) => id)

function serveModel(): void {
  const lfs = { oid: createHash('sha256').update(MODEL).digest('hex'), size: MODEL.length }
  const tree = [{ type: 'file', path: 'pulled.gguf', size: MODEL.length, lfs }]
  hub.serve('/api/models/some/repo/tree/main', JSON.stringify(tree), { type: 'application/json' })
  hub.serve('/some/repo/resolve/main/pulled.gguf', MODEL)
}

test('what is pulled is there at once, and was told on its way', async () => {
  serveModel()
  await catalog.list()
  const told: number[] = []
  await library.pull(REFERENCE, ({ receivedBytes }) => told.push(receivedBytes), never())
  expect(told.at(-1)).toBe(MODEL.length)
  expect(await catalog.resolve('pulled')).toMatchObject({ id: 'pulled' })
})

test.each(['mine', 'mine:latest'])('nothing is fetched for %s, which is here', async (name) => {
  await library.pull(name, () => {}, never())
  expect(hub.seen).toEqual([])
})

test('a name that leads nowhere says what can be written', async () => {
  await expect(library.pull('nothing', () => {}, never())).rejects.toMatchObject({ reason: 'invalid-request' })
  await expect(library.pull('../x', () => {}, never())).rejects.toMatchObject({ reason: 'invalid-request' })
})

test('a model is unloaded, then deleted', async () => {
  const path = join(ground.at('home'), 'models', 'mine.gguf')
  expect(existsSync(path)).toBe(true)
  expect(await library.remove('mine:latest', never())).toEqual({ modelId: 'mine', freedBytes: MODEL.length })
  expect(unloaded).toEqual(['mine'])
  expect(existsSync(path)).toBe(false)
  expect(await ids()).toEqual([])
  await expect(library.remove('mine', never())).rejects.toMatchObject({ reason: 'model-not-found' })
})

test("Ollama's are not ours to delete, and stay loaded", async () => {
  const store = new OllamaGround(ground.at('ollama'))
  const [layer] = await store.add('registry.ollama.ai/library/theirs/latest', [['model', MODEL]])
  await expect(library.remove('theirs', never())).rejects.toThrow('ollama rm theirs:latest')
  expect(unloaded).toEqual([])
  expect(existsSync(store.blobPath(layer))).toBe(true)
})

test('a path is no name', async () => {
  const outside = ground.at('outside/model.gguf')
  await mkdir(dirname(outside))
  await copyFile(join(ground.at('home'), 'models', 'mine.gguf'), outside)
  await expect(library.remove(outside, never())).rejects.toMatchObject({ reason: 'invalid-model-id' })
  expect(existsSync(outside)).toBe(true)
})
