import { expect, test } from 'vitest'
import { expiryMs, FOREVER_MS, readKeepAliveMs } from './keep-alive.ts'
import { Refusal } from './refusal.ts'

test.each([
  [undefined, undefined],
  [null, undefined],
  [0, 0],
  ['0', 0],
  ['0s', 0],
  ['-0', 0],
  [300, 300_000],
  [0.5, 500],
  [-1, Infinity],
  [-0.001, Infinity],
  ['-1m', Infinity],
  ['-1s', Infinity],
  ['10m', 600_000],
  ['1h30m', 5_400_000],
  ['300ms', 300],
  ['1.5h', 5_400_000],
  ['+.5s', 500],
  ['1µs', 0.001],
  [1e12, Infinity],
])('keep_alive %j is %j ms', (written, durationMs) => {
  expect(readKeepAliveMs(written)).toBe(durationMs)
})

test.each([
  ['300', 'time: missing unit in duration "300"'],
  ['-1', 'time: missing unit in duration "-1"'],
  ['1m30', 'time: missing unit in duration "1m30"'],
  ['1d', 'time: unknown unit "d" in duration "1d"'],
  ['1 m', 'time: unknown unit " m" in duration "1 m"'],
  ['', 'time: invalid duration ""'],
  ['-', 'time: invalid duration "-"'],
  ['forever', 'time: invalid duration "forever"'],
  ['9999999h', 'time: invalid duration "9999999h"'],
  [true, "Unsupported type: 'bool'"],
  [[], "Unsupported type: '[]interface {}'"],
  [{}, "Unsupported type: 'map[string]interface {}'"],
])('keep_alive %j is a 400', (written, text) => {
  expect(() => readKeepAliveMs(written)).toThrow(expect.objectContaining({ status: 400, message: text }))
  expect(() => readKeepAliveMs(written)).toThrow(Refusal)
})

test('forever is shown as Go’s longest duration from now, some 292 years', () => {
  expect(expiryMs(1_000, Infinity)).toBe(1_000 + FOREVER_MS)
  expect(new Date(expiryMs(Date.parse('2026-01-01'), Infinity)).getUTCFullYear()).toBe(2318)
})
