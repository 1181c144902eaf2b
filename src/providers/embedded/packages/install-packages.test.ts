import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ADDON, FakeRegistry, packageEntries, tarballOf } from '../../../../test/support/fake-registry.ts'
import { TemporaryFolder } from '../../../../test/support/system-ground.ts'
import { HttpSource } from '../../../system/http-source.ts'
import { isPackage, packageFolder } from './engine-folder.ts'
import { whileLocked } from './install-lock.ts'
import { installPackages, type InstallOptions, type InstallProgress } from './install-packages.ts'
import type { EnginePackage } from './package-table.ts'
import { removePackages } from './remove-packages.ts'

const CUDA = '@node-llama-cpp/linux-x64-cuda'
const CUDA_EXT = '@node-llama-cpp/linux-x64-cuda-ext'
const VULKAN = '@node-llama-cpp/linux-x64-vulkan'

let registry: FakeRegistry
let folder: TemporaryFolder
let http: HttpSource
let engines: string

beforeEach(async () => {
  registry = await FakeRegistry.start()
  folder = await TemporaryFolder.make()
  http = new HttpSource({ answerTimeoutMs: 500, stallTimeoutMs: 500 })
  engines = folder.at('home/engines')
})

afterEach(async () => {
  await http.close()
  await registry[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

function install(
  packages: readonly EnginePackage[],
  options: Partial<InstallOptions> = {},
): Promise<readonly EnginePackage[]> {
  return installPackages(packages, {
    enginesFolder: engines,
    registry: { url: registry.url },
    http,
    onProgress: () => {},
    signal: new AbortController().signal,
    freeBytes: async () => 1e12,
    ...options,
  })
}

function isHere(name: string): Promise<boolean> {
  return isPackage(packageFolder(engines, name), name)
}

describe('installing', () => {
  test('brings every package whole, for its owner only, and leaves nothing beside them', async () => {
    const packages = [registry.publish(CUDA_EXT), registry.publish(CUDA)]
    const progress: InstallProgress[] = []
    expect(await install(packages, { onProgress: (step) => progress.push(step) })).toEqual(packages)
    expect(await Promise.all([isHere(CUDA), isHere(CUDA_EXT)])).toEqual([true, true])
    expect(await readFile(join(packageFolder(engines, CUDA), 'bins/llama-addon.node'))).toEqual(ADDON)
    expect((await stat(engines)).mode & 0o777).toBe(0o700)
    expect((await stat(packageFolder(engines, CUDA))).mode & 0o777).toBe(0o700)
    expect((await readdir(engines)).toSorted()).toEqual(['3.21.1', 'install.lock'])
    expect(await readdir(join(engines, '3.21.1'))).toEqual(['node_modules'])
    const steps = progress.filter(({ packageName }) => packageName === CUDA).map(({ step }) => step)
    expect([...new Set(steps)]).toEqual(['downloading', 'checking', 'unpacking'])
  })

  test('again does nothing, and asks nobody', async () => {
    const packages = [registry.publish(VULKAN)]
    await install(packages)
    const asked = registry.server.seen.length
    expect(await install(packages)).toEqual([])
    expect(registry.server.seen).toHaveLength(asked)
  })

  test('a download that breaks off goes on where it stopped', async () => {
    const wanted = registry.publish(VULKAN, undefined, { stallAfterBytes: 20_000 })
    await expect(install([wanted])).rejects.toMatchObject({ reason: 'download-failed' })
    expect(await isHere(VULKAN)).toBe(false)
    registry.publish(VULKAN)
    await install([wanted])
    expect(await isHere(VULKAN)).toBe(true)
    const [first, second] = registry.server.rangesOf(registry.tarballPath(VULKAN))
    expect(first).toMatch(/^bytes=0-/)
    expect(second).toMatch(/^bytes=20000-/)
  })

  test('interrupted between two packages it is none, and the second call fetches the second alone', async () => {
    const [ext, cuda] = [registry.publish(CUDA_EXT), registry.publish(CUDA)]
    registry.server.serve(registry.tarballPath(CUDA), '', { status: 503 })
    await expect(install([ext, cuda])).rejects.toMatchObject({ reason: 'download-failed' })
    expect(await Promise.all([isHere(CUDA_EXT), isHere(CUDA)])).toEqual([true, false])
    registry.publish(CUDA)
    expect(await install([ext, cuda])).toEqual([cuda])
  })

  test('what was being unpacked when it was killed is no package, and is swept away', async () => {
    const wanted = registry.publish(VULKAN)
    const half = join(engines, '3.21.1/staging/package/package.json')
    await mkdir(dirname(half), { recursive: true })
    await writeFile(half, '{')
    expect(await isHere(VULKAN)).toBe(false)
    await install([wanted])
    expect(await readdir(join(engines, '3.21.1'))).toEqual(['node_modules'])
  })

  test('takes the place of a folder that is not that package, and of other versions', async () => {
    const wanted = registry.publish(VULKAN)
    await folder.write(`home/engines/3.21.1/node_modules/${VULKAN}/package.json`, '{"name":"other"}')
    await folder.write(`home/engines/3.20.0/node_modules/${VULKAN}/package.json`, '{}')
    await folder.write(`home/engines/3.20.0/node_modules/${CUDA}/package.json`, '{}')
    await install([wanted])
    expect(await isHere(VULKAN)).toBe(true)
    expect(await readdir(join(engines, '3.20.0/node_modules/@node-llama-cpp'))).toEqual(['linux-x64-cuda'])
  })
})

describe('nothing is installed', () => {
  test('when the digest is another one; the bad file is gone, so that the next try begins anew', async () => {
    const pinned = registry.publish(VULKAN)
    const other = Buffer.alloc(pinned.tarballBytes, 1)
    registry.publish(VULKAN, other)
    const refused = install([pinned])
    await expect(refused).rejects.toMatchObject({ reason: 'download-corrupt' })
    await expect(refused).rejects.toThrow(/digest differs.*Nothing of it was unpacked/)
    expect(await isHere(VULKAN)).toBe(false)
    registry.publish(VULKAN)
    await install([pinned])
    expect(registry.server.rangesOf(registry.tarballPath(VULKAN)).at(-1)).toMatch(/^bytes=0-/)
  })

  test.each([
    ['a path upwards', { path: 'package/../../../out.txt', content: 'x' }],
    ['an absolute path', { path: '/tmp/grym-out.txt', content: 'x' }],
    ['a path of Windows', { path: 'package\\..\\out.txt', content: 'x' }],
    ['a symbolic link', { path: 'package/link', type: 'SymbolicLink', linkpath: '/etc/passwd' }],
    ['a hard link', { path: 'package/link', type: 'Link', linkpath: 'package/package.json' }],
    ['more bytes than there should be', { path: 'package/large', content: Buffer.alloc(20_000) }],
  ] as const)('when the tarball holds %s, though its digest is right', async (_, entry) => {
    const wanted = registry.publish(VULKAN, tarballOf([...packageEntries(VULKAN), entry]))
    const refused = install([wanted])
    await expect(refused).rejects.toMatchObject({ reason: 'download-corrupt' })
    await expect(refused).rejects.toThrow(/^The package cannot be used: /)
    expect(await isHere(VULKAN)).toBe(false)
    expect((await readdir(folder.path, { recursive: true })).filter((path) => path.includes('out.txt'))).toEqual([])
    expect(await readdir(join(engines, '3.21.1'))).toEqual([])
  })

  test('when it is another version or no tarball at all', async () => {
    const old = registry.publish(VULKAN, tarballOf(packageEntries(VULKAN, '3.20.0')))
    await expect(install([old])).rejects.toMatchObject({ reason: 'download-corrupt' })
    const text = registry.publish(VULKAN, Buffer.from('hello'))
    await expect(install([text])).rejects.toMatchObject({ reason: 'download-corrupt' })
    expect(await isHere(VULKAN)).toBe(false)
  })

  test('when the disk has one byte too little: told before anything is fetched', async () => {
    const packages = [registry.publish(CUDA_EXT), registry.publish(CUDA)]
    const neededBytes = 2 * 60_000 + (packages[1]?.tarballBytes ?? 0)
    const refused = install(packages, { freeBytes: async () => neededBytes - 1 })
    await expect(refused).rejects.toMatchObject({ reason: 'disk-full' })
    await expect(refused).rejects.toThrow(/needs .* has .* left\. Free space, or set GRYM_HOME/)
    expect(registry.server.seen).toEqual([])
    expect(await install(packages, { freeBytes: async () => neededBytes })).toHaveLength(2)
  })

  test('without a network', async () => {
    const wanted = registry.publish(VULKAN)
    await expect(install([wanted], { registry: { url: 'http://127.0.0.1:9/' } })).rejects.toMatchObject({
      reason: 'download-failed',
    })
  })

  test.each([
    ['does not know the package', undefined],
    ['does not have the version', '{"versions":{"1.0.0":{"dist":{"tarball":"http://127.0.0.1/x"}}}}'],
    ['sends no JSON', '<html>'],
  ])('when the registry %s', async (_, description) => {
    const wanted = registry.publish(VULKAN)
    const path = `/${VULKAN.replace('/', '%2f')}`
    if (description === undefined) registry.server.files.delete(path)
    else registry.server.serve(path, description)
    await expect(install([wanted])).rejects.toMatchObject({ reason: 'download-failed' })
  })

  test('while another command is at work', async () => {
    const wanted = registry.publish(VULKAN)
    await whileLocked(engines, async () => {
      await expect(install([wanted])).rejects.toMatchObject({ reason: 'engine-install-running' })
      await expect(removePackages([wanted], engines)).rejects.toMatchObject({ reason: 'engine-install-running' })
    })
    await install([wanted])
  })

  test('where the folder cannot be made', async () => {
    await folder.write('home', 'a file')
    const refused = install([registry.publish(VULKAN)])
    await expect(refused).rejects.toMatchObject({ reason: 'state-unusable' })
  })

  test('when it is interrupted', async () => {
    const wanted = registry.publish(VULKAN, undefined, { stallAfterBytes: 30 })
    const stop = new AbortController()
    const onProgress = ({ receivedBytes }: InstallProgress): void => {
      if (receivedBytes > 0) stop.abort()
    }
    await expect(install([wanted], { signal: stop.signal, onProgress })).rejects.toMatchObject({ name: 'AbortError' })
    expect(await isHere(VULKAN)).toBe(false)
  })
})

describe('the registry', () => {
  const authorization = 'Bearer s3cret'

  test('is told who asks, also for the tarball', async () => {
    await install([registry.publish(VULKAN)], { registry: { url: registry.url, authorization } })
    expect(registry.server.seen.map(({ headers }) => headers.authorization)).toEqual([authorization, authorization])
  })

  test('another host that holds the tarball is told nothing', async () => {
    await using elsewhere = await FakeRegistry.start()
    const wanted = elsewhere.publish(VULKAN)
    registry.describe(VULKAN, `${elsewhere.server.url}${elsewhere.tarballPath(VULKAN)}`)
    await install([wanted], { registry: { url: registry.url, authorization } })
    expect(elsewhere.server.seen.map(({ headers }) => headers.authorization)).toEqual([undefined])
  })

  test('a mirror that passes on addresses of the public one is asked itself', async () => {
    const wanted = registry.publish(VULKAN)
    registry.describe(VULKAN, `https://registry.npmjs.org${registry.tarballPath(VULKAN)}`)
    await install([wanted])
    expect(await isHere(VULKAN)).toBe(true)
  })
})

describe('removing', () => {
  test('deletes the packages, what is left of other versions and of downloads, and says how much that was', async () => {
    const [ext, cuda, vulkan] = [registry.publish(CUDA_EXT), registry.publish(CUDA), registry.publish(VULKAN)]
    await install([ext, cuda])
    await folder.write(`home/engines/3.20.0/node_modules/${CUDA}/package.json`, '{}')
    registry.server.serve(registry.tarballPath(VULKAN), '', { status: 503 })
    registry.publish(VULKAN, undefined, { stallAfterBytes: 20_000 })
    await expect(install([vulkan])).rejects.toMatchObject({ reason: 'download-failed' })

    expect(await removePackages([vulkan], engines)).toBe(20_000)
    expect(await isHere(CUDA)).toBe(true)
    expect(await removePackages([ext, cuda], engines)).toBeGreaterThan(100_000)
    expect(await readdir(engines)).toEqual(['install.lock'])
    expect(await removePackages([ext, cuda], engines)).toBe(0)
  })
})
