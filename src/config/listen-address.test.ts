import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseListenAddress, urlOf } from './listen-address.ts'

describe('an address to listen on', () => {
  test.each([
    ['127.0.0.1', '127.0.0.1', 11_500],
    ['127.0.0.1:8080', '127.0.0.1', 8_080],
    ['http://127.0.0.1:8080', '127.0.0.1', 8_080],
    ['http://127.0.0.1:8080/', '127.0.0.1', 8_080],
    ['http://localhost', 'localhost', 11_500],
    ['  localhost:1  ', 'localhost', 1],
    ['0.0.0.0:0', '0.0.0.0', 0],
    ['my-host.local:65535', 'my-host.local', 65_535],
    ['[::1]', '::1', 11_500],
    ['[::1]:8080', '::1', 8_080],
    ['[::]:0', '::', 0],
    ['http://[FE80::1]:8080/', 'FE80::1', 8_080],
    ['[::ffff:127.0.0.1]:80', '::ffff:127.0.0.1', 80],
  ])('%j is host %s and port %i', (text, host, port) => {
    expect(parseListenAddress(text)).toEqual({ host, port })
  })

  test('without a port has the one that is handed in', () => {
    expect(parseListenAddress('localhost', 1)).toEqual({ host: 'localhost', port: 1 })
    expect(parseListenAddress('localhost:2', 1)).toEqual({ host: 'localhost', port: 2 })
    expect(parseListenAddress('localhost:0', 1)).toEqual({ host: 'localhost', port: 0 })
  })

  test.each([
    [''],
    ['   '],
    [':'],
    [':8080'],
    ['localhost:'],
    ['localhost:65536'],
    ['localhost:100000'],
    ['localhost:-1'],
    ['localhost:http'],
    ['localhost:80:80'],
    ['two words'],
    ['http://'],
    ['https://localhost:80'],
    ['ftp://localhost'],
    ['localhost/path'],
    ['::1'],
    ['::1:8080'],
    ['[]'],
    ['[::1'],
    ['::1]:80'],
    ['[not-an-address]:80'],
    ['[[::1]]:80'],
    ['localhost\n:80'],
  ])('%j is none, and an example says what is', (text) => {
    expect(() => parseListenAddress(text)).toThrow(
      expect.objectContaining({
        reason: 'invalid-request',
        message: `'${text}' is no address to listen on. Write 127.0.0.1, 127.0.0.1:11500 or http://127.0.0.1:11500.`,
      }),
    )
  })

  test('any text is an address with a possible port or an invalid request', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^\[?[a-f0-9.:]*\]?:?\d{0,6}$/)), (text) => {
        try {
          const { host, port } = parseListenAddress(text)
          expect(host).not.toMatch(/[\s[\]/]/)
          expect(Number.isInteger(port) && port >= 0 && port <= 65_535).toBe(true)
        } catch (error) {
          expect(error).toMatchObject({ reason: 'invalid-request' })
        }
      }),
    )
  })
})

describe('its URL', () => {
  test.each([
    ['127.0.0.1', 'http://127.0.0.1:80'],
    ['localhost', 'http://localhost:80'],
    ['::1', 'http://[::1]:80'],
    ['0.0.0.0', 'http://127.0.0.1:80'],
    ['::', 'http://[::1]:80'],
  ])('of %s is %s', (host, url) => {
    expect(urlOf({ host, port: 80 })).toBe(url)
  })

  test('read as an address is the same address, and a URL that anyone can read', () => {
    const host = fc.oneof(
      fc.ipV4().filter((address) => address !== '0.0.0.0'),
      fc.domain(),
      fc.constantFrom('::1', 'fe80::1', '2001:db8::8:800:200c:417a'),
    )
    fc.assert(
      fc.property(host, fc.nat({ max: 65_535 }), (name, port) => {
        const url = urlOf({ host: name, port })
        expect(parseListenAddress(url)).toEqual({ host: name, port })
        expect(new URL(url).port).toBe(port === 80 ? '' : String(port))
      }),
    )
  })
})
