import { expect, test } from 'vitest'
import { npmRegistryOf, npmrcPaths, npmSettingsOfEnvironment, parseNpmrc, PUBLIC_REGISTRY_URL } from './npm-config.ts'

const SCOPE = '@node-llama-cpp'

function registryOf(npmrc: string, env: Record<string, string> = {}): ReturnType<typeof npmRegistryOf> {
  return npmRegistryOf(SCOPE, [npmSettingsOfEnvironment(env), parseNpmrc(npmrc, env)])
}

test.each([
  ['', PUBLIC_REGISTRY_URL],
  ['registry=https://npm.test', 'https://npm.test/'],
  ['registry = "https://npm.test/npm"\n', 'https://npm.test/npm/'],
  ['# registry=https://a.test\n; registry=https://b.test\nfund=false', PUBLIC_REGISTRY_URL],
  ['registry=https://npm.test\r\n@node-llama-cpp:registry=https://scoped.test/', 'https://scoped.test/'],
  ['@other:registry=https://scoped.test/', PUBLIC_REGISTRY_URL],
  ['registry=${MIRROR}', 'https://mirror.test/'],
  ['registry=${NOT_SET}', PUBLIC_REGISTRY_URL],
  ['registry=ftp://npm.test', PUBLIC_REGISTRY_URL],
])('%j leads to %s', (npmrc, url) => {
  expect(registryOf(npmrc, { MIRROR: 'https://mirror.test' })).toEqual({ url })
})

test.each(['npm_config_registry', 'NPM_CONFIG_REGISTRY'])('%s of the environment wins over the files', (name) => {
  expect(registryOf('registry=https://file.test', { [name]: 'https://env.test' }).url).toBe('https://env.test/')
  expect(registryOf('registry=https://file.test', { [name]: '' }).url).toBe('https://file.test/')
})

test.each([
  ['//npm.test/:_authToken=abc', 'Bearer abc'],
  ['//npm.test/a/b/:_authToken=${TOKEN}', 'Bearer from-env'],
  ['//npm.test/:_auth=eDp5', 'Basic eDp5'],
  ['//npm.test/a/b/:_authToken=near\n//npm.test/:_authToken=far', 'Bearer near'],
  ['//npm.test/a/other/:_authToken=abc', undefined],
  ['//other.test/:_authToken=abc', undefined],
])('with %j the registry is told %j', (npmrc, authorization) => {
  const found = registryOf(`registry=https://npm.test/a/b\n${npmrc}`, { TOKEN: 'from-env' })
  expect(found.authorization).toBe(authorization)
})

test('a name and a password in the address are a header, and no part of the address', () => {
  expect(registryOf('registry=https://me:p%40ss@npm.test/')).toEqual({
    url: 'https://npm.test/',
    authorization: `Basic ${Buffer.from('me:p@ss').toString('base64')}`,
  })
})

test('the files are those of npm, and may be named', () => {
  const none = npmSettingsOfEnvironment({})
  expect(npmrcPaths(none, '/home/you', '/usr/bin/node')).toEqual(['/home/you/.npmrc', '/usr/etc/npmrc'])
  expect(npmrcPaths(none, 'C:/you', 'C:\\nodejs\\node.exe')[1]).toBe('C:\\nodejs/etc/npmrc')
  const named = npmSettingsOfEnvironment({ npm_config_userconfig: '/a', NPM_CONFIG_GLOBALCONFIG: '/b' })
  expect(npmrcPaths(named, '/home/you', '/usr/bin/node')).toEqual(['/a', '/b'])
  expect(npmrcPaths(npmSettingsOfEnvironment({ npm_config_prefix: '/p' }), '/h', '/n')[1]).toBe('/p/etc/npmrc')
})
