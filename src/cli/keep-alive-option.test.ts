import { expect, test } from 'vitest'
import { keepAliveWish, parseKeepAlive } from './keep-alive-option.ts'

test.each([
  ['5m', 300_000],
  ['90', 90_000],
  ['0', 0],
  ['-1', null],
])('--keepalive %s', (text, keepAliveMs) => {
  expect(keepAliveWish({ keepalive: parseKeepAlive(text) })).toEqual({ keepAliveMs })
})

test('without the flag nothing is wished for, and what is no duration is refused', () => {
  expect(keepAliveWish({})).toBeUndefined()
  expect(() => parseKeepAlive('soon')).toThrow(/duration/)
})
