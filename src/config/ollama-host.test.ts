import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ollamaHost } from './ollama-host.ts'

const LOOPBACK = [{ host: '127.0.0.1', port: 11_500 }]

test.each([
  ['127.0.0.1', 'http://127.0.0.1:11434'],
  ['127.0.0.1:9', 'http://127.0.0.1:9'],
  [':9', 'http://127.0.0.1:9'],
  ['0.0.0.0', 'http://127.0.0.1:11434'],
  ['0.0.0.0:9', 'http://127.0.0.1:9'],
  ['[::]:9', 'http://[::1]:9'],
  ['[::1]', 'http://[::1]:11434'],
  ['box.test', 'http://box.test:11434'],
  ['http://box.test', 'http://box.test:80'],
  ['https://box.test', 'https://box.test:443'],
  ['https://box.test:9/path', 'https://box.test:9'],
  [' "box.test:9" ', 'http://box.test:9'],
  ['127.0.0.1:11501', 'http://127.0.0.1:11501'],
  ['box.test:11500', 'http://box.test:11500'],
])('%s is %s', (written, url) => {
  expect(ollamaHost({ OLLAMA_HOST: written }, LOOPBACK)).toEqual({ url })
})

test.each([
  ['127.0.0.1:11500', '127.0.0.1'],
  ['localhost:11500', '127.0.0.1'],
  ['http://LOCALHOST:11500/', '127.0.0.1'],
  ['[::1]:11500', '::1'],
  ['0.0.0.0:11500', '127.0.0.1'],
  [':11500', 'localhost'],
  ['127.0.0.1:11500', '0.0.0.0'],
  ['[::]:11500', '::'],
  ['box.test:11500', 'Box.test'],
])('%s is grym itself when it listens on %s', (written, host) => {
  const { url, notice } = ollamaHost({ OLLAMA_HOST: written }, [{ host, port: 11_500 }])
  expect(url).toBeUndefined()
  expect(notice).toBe(`OLLAMA_HOST: '${written}' is not used: it is grym itself.`)
})

test('loopback is not us when we listen on another address only', () => {
  expect(ollamaHost({ OLLAMA_HOST: '127.0.0.1:11500' }, [{ host: '192.0.2.1', port: 11_500 }]).url).toBeDefined()
})

test.each(['a b', 'http://', 'x:99999', 'ftp://x', 'user@x', '1:2:3'])('%s is no address', (written) => {
  const { url, notice } = ollamaHost({ OLLAMA_HOST: written }, LOOPBACK)
  // `http://` without a host is this machine, as Ollama has it.
  if (written === 'http://') expect(url).toBe('http://127.0.0.1:80')
  else expect(notice).toContain(`'${written}' is not used: it is no address`)
})

test('unset or empty it says nothing', () => {
  expect(ollamaHost({}, LOOPBACK)).toEqual({})
  expect(ollamaHost({ OLLAMA_HOST: ' ' }, LOOPBACK)).toEqual({})
})

test('any text is an address that can be parsed, or a notice', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.webUrl(), fc.ipV4(), fc.ipV6()), (written) => {
      const { url, notice } = ollamaHost({ OLLAMA_HOST: written }, LOOPBACK)
      if (url !== undefined) expect(notice).toBeUndefined()
    }),
  )
})

test('any of several listeners is grym itself', () => {
  const ours = [...LOOPBACK, { host: '127.0.0.1', port: 11_434 }]
  expect(ollamaHost({ OLLAMA_HOST: 'localhost' }, ours).notice).toContain('it is grym itself')
  expect(ollamaHost({ OLLAMA_HOST: 'localhost:11435' }, ours)).toEqual({ url: 'http://localhost:11435' })
})
