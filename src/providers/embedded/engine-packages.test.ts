import { expect, test } from 'vitest'
import { TemporaryFolder } from '../../../test/support/system-ground.ts'
import { type EngineSearch, installedBackends, listEngines } from './engine-packages.ts'

const LINUX = { platform: 'linux', arch: 'x64' }

/** A folder of engines, and one of npm's, each with these packages. */
class Ground implements AsyncDisposable {
  readonly folder: TemporaryFolder
  readonly engines: string
  readonly search: EngineSearch

  private constructor(folder: TemporaryFolder) {
    this.folder = folder
    this.engines = folder.at('engines')
    this.search = { machine: LINUX, npmFolder: (name) => folder.at(`npm/${name}`) }
  }

  static async make(own: readonly string[], npm: readonly string[], version = '3.21.1'): Promise<Ground> {
    const folder = await TemporaryFolder.make()
    const place = (root: string, name: string): Promise<void> => {
      const facts = { name: `@node-llama-cpp/${name}`, version }
      return folder.write(`${root}/@node-llama-cpp/${name}/package.json`, JSON.stringify(facts))
    }
    for (const name of own) await place('engines/3.21.1/node_modules', name)
    for (const name of npm) await place('npm', name)
    return new Ground(folder)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.folder[Symbol.asyncDispose]()
  }
}

test.each([
  ['nothing', [], [], []],
  ['what came with grym', [], ['linux-x64'], ['cpu']],
  ['what was installed', ['linux-x64-vulkan'], ['linux-x64'], ['cpu', 'vulkan']],
  ['one of two packages', ['linux-x64-cuda'], ['linux-x64'], ['cpu']],
  ['the other of two', ['linux-x64-cuda-ext'], ['linux-x64'], ['cpu']],
  ['both', ['linux-x64-cuda', 'linux-x64-cuda-ext'], ['linux-x64'], ['cpu', 'cuda']],
  ['what npm installed', [], ['linux-x64', 'linux-x64-vulkan'], ['cpu', 'vulkan']],
  ['packages of another system', ['win-x64-vulkan'], ['win-x64'], []],
])('with %s there are the right backends', async (_, own, npm, backends) => {
  await using ground = await Ground.make(own, npm)
  const { engines, search } = ground
  expect(await installedBackends(engines, search)).toEqual(backends)
})

test('packages of another version do not count', async () => {
  await using ground = await Ground.make(['linux-x64-vulkan'], ['linux-x64'], '3.20.0')
  const { engines, search } = ground
  expect(await installedBackends(engines, search)).toEqual([])
})

test('a Mac has the CPU and Metal from one package', async () => {
  await using ground = await Ground.make([], ['mac-arm64-metal'])
  const { engines, search } = ground
  const mac = { ...search, machine: { platform: 'darwin', arch: 'arm64' } }
  expect(await installedBackends(engines, mac)).toEqual(['cpu', 'metal'])
  expect((await listEngines(engines, mac)).map(({ backend, state }) => `${backend} ${state}`)).toEqual([
    'cpu bundled',
    'metal bundled',
  ])
})

test('the list says of each what there is, and how large it is or would be', async () => {
  await using ground = await Ground.make(['linux-x64-vulkan', 'linux-x64-cuda'], [])
  const { folder, engines, search } = ground
  await folder.write('engines/3.20.0/node_modules/@node-llama-cpp/linux-x64-cuda/bins/x.node', 'twelve bytes')
  const [cpu, cuda, vulkan] = await listEngines(engines, search)
  expect(cpu).toMatchObject({ backend: 'cpu', state: 'missing', sizeBytes: 0, downloadBytes: 0 })
  expect(cuda).toMatchObject({ backend: 'cuda', state: 'available', sizeBytes: 562_891_833, leftoverBytes: 12 })
  expect(cuda?.downloadBytes).toBe(142_850_036 + 176_679_086)
  expect(vulkan).toMatchObject({ backend: 'vulkan', state: 'installed', downloadBytes: 0, leftoverBytes: 0 })
  expect(vulkan?.sizeBytes).toBe(JSON.stringify({ name: '@node-llama-cpp/linux-x64-vulkan', version: '3.21.1' }).length)
})

test('on a system without any there are none', async () => {
  await using ground = await Ground.make([], [])
  const { engines } = ground
  const search = { machine: { platform: 'sunos', arch: 'x64' } }
  expect(await listEngines(engines, search)).toEqual([])
  expect(await installedBackends(engines, search)).toEqual([])
})

test('the checkout has its own CPU engine, and its empty stand-ins for cards count for nothing', async () => {
  await using folder = await TemporaryFolder.make()
  expect(await installedBackends(folder.at('engines'))).toContain('cpu')
  const extras = await installedBackends(folder.at('engines'), { machine: LINUX })
  expect(extras).not.toContain('cuda')
  expect(extras).not.toContain('vulkan')
})
