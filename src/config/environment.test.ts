import { expect, test, vi } from 'vitest'
import { proxiesOf, readEnvironment } from './environment.ts'

const NONE = { httpProxy: undefined, httpsProxy: undefined, noProxy: undefined }

test('the environment is a copy: what is set in it reaches nobody else', () => {
  vi.stubEnv('GRYM_TEST_ONLY', 'here')
  try {
    const env = readEnvironment()
    expect(env['GRYM_TEST_ONLY']).toBe('here')
    Reflect.set(env, 'GRYM_TEST_ONLY', 'changed')
    expect(readEnvironment()['GRYM_TEST_ONLY']).toBe('here')
  } finally {
    vi.unstubAllEnvs()
  }
})

test('without proxy variables there are no proxies', () => {
  expect(proxiesOf({})).toEqual(NONE)
})

test.each([
  ['lower case', { http_proxy: 'http://a', https_proxy: 'http://b', no_proxy: 'c' }],
  ['upper case', { HTTP_PROXY: 'http://a', HTTPS_PROXY: 'http://b', NO_PROXY: 'c' }],
  [
    'lower case before upper case',
    {
      http_proxy: 'http://a',
      https_proxy: 'http://b',
      no_proxy: 'c',
      HTTP_PROXY: 'http://x',
      HTTPS_PROXY: 'http://y',
      NO_PROXY: 'z',
    },
  ],
  [
    'upper case where the lower case one is empty',
    { http_proxy: '', https_proxy: '', no_proxy: '', HTTP_PROXY: 'http://a', HTTPS_PROXY: 'http://b', NO_PROXY: 'c' },
  ],
])('they are read in %s', (_, env) => {
  expect(proxiesOf(env)).toEqual({ httpProxy: 'http://a', httpsProxy: 'http://b', noProxy: 'c' })
})

test('an empty variable is none', () => {
  expect(proxiesOf({ http_proxy: '', HTTPS_PROXY: '', no_proxy: '', NO_PROXY: '' })).toEqual(NONE)
})
