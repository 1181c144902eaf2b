import { expect, test } from 'vitest'
import { FakeRegistry } from '../../../test/support/fake-registry.ts'
import { TemporaryFolder } from '../../../test/support/system-ground.ts'
import { VerbGround } from '../../../test/support/verb-ground.ts'
import { installEngine, removeEngine } from '../../app/engine-install.ts'
import { resolveConfig } from '../../config/config.ts'
import type { Context } from '../context.ts'
import { engineInstallVerb, engineListVerb, engineRemoveVerb } from './engine.ts'

const VULKAN = '@node-llama-cpp/linux-x64-vulkan'
const LINUX = { platform: 'linux', arch: 'x64' }

/** A verb's context on a state folder of its own. */
function contextIn(folder: TemporaryFolder, ground: VerbGround): Context {
  const env = { HOME: folder.path, GRYM_HOME: folder.at('home') }
  return { ...ground.context, config: resolveConfig({ env, flags: {} }) }
}

test('the list shows what is here and what could be', async () => {
  await using folder = await TemporaryFolder.make()
  await using ground = await VerbGround.start()
  await engineListVerb(contextIn(folder, ground))
  expect(ground.stdout).toMatch(/^BACKEND +STATE +SIZE +PACKAGES\ncpu +bundled +\S+ MB +@node-llama-cpp\//)
})

test('as JSON it is one object', async () => {
  await using folder = await TemporaryFolder.make()
  await using ground = await VerbGround.start({ isJson: true })
  await engineListVerb(contextIn(folder, ground))
  const { engines } = JSON.parse(ground.stdout) as { engines: object[] }
  expect(engines[0]).toMatchObject({ backend: 'cpu', state: 'bundled', version: '3.21.1' })
})

test('a backend that is not there is refused, before anything is asked', async () => {
  await using folder = await TemporaryFolder.make()
  await using ground = await VerbGround.start()
  const context = contextIn(folder, ground)
  await expect(engineInstallVerb(context, 'rocm')).rejects.toMatchObject({ reason: 'engine-unavailable' })
  await expect(engineRemoveVerb(context, 'cpu')).rejects.toMatchObject({ reason: 'engine-unavailable' })
})

test('removing what is not installed is told', async () => {
  await using folder = await TemporaryFolder.make()
  const freedBytes = await removeEngine('vulkan', { home: folder.at('home') }, LINUX)
  expect(freedBytes).toBe(0)
})

test('an installation asks the registry that npm is configured with, and takes nothing but the pinned bytes', async () => {
  await using folder = await TemporaryFolder.make()
  await using registry = await FakeRegistry.start()
  registry.publish(VULKAN)
  await folder.write('.npmrc', `registry=${registry.url}\n`)
  const config = resolveConfig({ env: { HOME: folder.path, GRYM_HOME: folder.at('home') }, flags: {} })
  const installation = installEngine(
    'vulkan',
    config,
    { home: folder.at('home') },
    {
      env: {},
      onProgress: () => {},
      signal: AbortSignal.timeout(20_000),
      machine: LINUX,
    },
  )
  // The package there is another one than the real, and shorter.
  await expect(installation).rejects.toMatchObject({ reason: 'download-failed' })
  expect(registry.server.seen.map(({ path }) => path)).toEqual([
    `/${VULKAN.replace('/', '%2f')}`,
    registry.tarballPath(VULKAN),
  ])
})
