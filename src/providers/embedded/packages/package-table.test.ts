import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { bundledPackage, ENGINE_VERSION, extraPackages, packagesOf } from './package-table.ts'

const own = JSON.parse(readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8')) as {
  dependencies: Record<string, string>
  devDependencies: Record<string, string>
  optionalDependencies: Record<string, string>
}

const SYSTEMS = ['linux-x64', 'linux-arm64', 'linux-arm', 'linux-riscv64']
  .concat(['darwin-arm64', 'darwin-x64', 'win32-x64', 'win32-arm64'])
  .map((system) => {
    const [platform = '', arch = ''] = system.split('-')
    return { platform, arch }
  })

test('what comes with grym is what its package asks npm for, in the version of the library', () => {
  const names = SYSTEMS.map((machine) => bundledPackage(machine)?.name ?? '')
  expect(new Set(Object.keys(own.optionalDependencies))).toEqual(new Set(names))
  expect(new Set(Object.values(own.optionalDependencies))).toEqual(new Set([ENGINE_VERSION]))
  expect({ ...own.dependencies, ...own.devDependencies }['node-llama-cpp']).toBe(ENGINE_VERSION)
})

test('what is installed apart is pinned, and its last package is the one that the engine asks for', () => {
  for (const machine of SYSTEMS) {
    for (const [backend, packages] of extraPackages(machine)) {
      expect(packages.at(-1)?.name.endsWith(`-${backend}`)).toBe(true)
      for (const { integrity } of packages) expect(Buffer.from(integrity.slice(7), 'base64')).toHaveLength(64)
    }
  }
  expect([...extraPackages({ platform: 'linux', arch: 'x64' }).keys()]).toEqual(['cuda', 'vulkan'])
})

test.each([
  ['cuda', 'darwin', 'arm64', /no engine 'cuda' for darwin-arm64\. Nothing can be installed apart/],
  ['vulkan', 'linux', 'arm64', /no engine 'vulkan' for linux-arm64/],
  ['rocm', 'linux', 'x64', /no engine 'rocm' for linux-x64\. On linux-x64 there are cuda and vulkan\./],
  ['constructor', 'linux', 'x64', /no engine 'constructor'/],
  ['cpu', 'linux', 'x64', /'cpu' comes with grym on linux-x64/],
  ['metal', 'darwin', 'arm64', /'metal' comes with grym/],
  ['cpu', 'sunos', 'x64', /no engine 'cpu' for sunos-x64/],
])('%s on %s-%s is refused, and said why', (backend, platform, arch, message) => {
  expect(() => packagesOf(backend, { platform, arch })).toThrow(
    expect.objectContaining({ reason: 'engine-unavailable', message: expect.stringMatching(message) as string }),
  )
})
