import { describe, expect, test } from 'vitest'
import { parseConfigFile } from './config-file.ts'
import { type Config, resolveConfig } from './config.ts'
import { listenerText } from './listeners.ts'

function configOf(text: string, env: Record<string, string> = {}, flags: Record<string, string> = {}): Config {
  const file = parseConfigFile({ path: '/etc/grym/grym.yaml', text, userHome: '/home/you' })
  return resolveConfig({ env: { HOME: '/home/you', ...env }, flags, file })
}
const LIST = 'listen: [127.0.0.1:11500, 127.0.0.1:11434, "unix:run/grym.sock", "unix:~/g.sock"]'
const textsOf = ({ listen, furtherListeners }: Config): string[] => [listen, ...furtherListeners].map(listenerText)

test('a list has further listeners, sockets relative to the file', () => {
  expect(textsOf(configOf(LIST))).toEqual([
    '127.0.0.1:11500',
    '127.0.0.1:11434',
    'unix:/etc/grym/run/grym.sock',
    'unix:/home/you/g.sock',
  ])
})

describe('flags and environment mean the first alone', () => {
  test.each([
    [{ GRYM_HOST: '127.0.0.1:1' }, {}, '127.0.0.1:1'],
    [{}, { '--port': '2' }, '127.0.0.1:2'],
    [{ GRYM_HOST: '127.0.0.1:1' }, { '--host': '[::1]' }, '[::1]:1'],
  ])('%j %j', (env, flags, first) => {
    expect(textsOf(configOf(LIST, env, flags))).toEqual([first, ...textsOf(configOf(LIST)).slice(1)])
  })
})

test('one address has none beside it', () => {
  const config = configOf('listen: 127.0.0.1:1')
  expect(config.furtherListeners).toEqual([])
  expect(config.values['listen']).toBe('127.0.0.1:1')
})

test.each([
  'listen: ["unix:/a"]',
  'listen: "unix:/a"',
  'listen: []',
  'listen: [127.0.0.1, "unix:"]',
  'listen: [127.0.0.1, "a b"]',
  `listen: [${Array.from({ length: 17 }, (_, index) => `h:${index}`).join(', ')}]`,
])('%s is refused', (text) => {
  expect(() => configOf(text)).toThrow(expect.objectContaining({ reason: 'config-invalid' }))
})

test('16 are the most', () => {
  const text = `listen: [${Array.from({ length: 16 }, (_, index) => `h:${index}`).join(', ')}]`
  expect(configOf(text).furtherListeners).toHaveLength(15)
})

test('Ollama’s default address is not asked when it is one of ours, and OLLAMA_HOST of one is ignored with a notice', () => {
  expect(configOf(LIST).engines.ollama).toBeNull()
  const { engines, notices } = configOf(LIST, { OLLAMA_HOST: '127.0.0.1:11434' })
  expect(engines.ollama).toBeNull()
  expect(notices).toContain("OLLAMA_HOST: '127.0.0.1:11434' is not used: it is grym itself.")
})
