import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatBytes, formatDuration, parseBytes, parseDurationMs } from './units.ts'

const MAX_SAFE_DIGITS = '9007199254740991'

describe('a size', () => {
  test.each([
    ['0', 0],
    ['1048576', 1_048_576],
    ['6GiB', 6 * 2 ** 30],
    ['6 GiB', 6 * 2 ** 30],
    ['  6gib  ', 6 * 2 ** 30],
    ['6G', 6 * 2 ** 30],
    ['500 MB', 500_000_000],
    ['500mB', 500_000_000],
    ['1.5kB', 1_500],
    ['1.5k', 1_536],
    ['2 TB', 2e12],
    ['2T', 2 * 2 ** 40],
    ['7b', 7],
    ['0.0001 kB', 0],
    [MAX_SAFE_DIGITS, Number.MAX_SAFE_INTEGER],
  ])('%j is %i bytes', (text, bytes) => {
    expect(parseBytes(text)).toBe(bytes)
  })

  test.each([
    [''],
    ['   '],
    ['GiB'],
    ['six GiB'],
    ['-1'],
    ['+1'],
    ['1e3'],
    ['0x10'],
    ['.5GB'],
    ['5.GB'],
    ['1,5 GB'],
    ['5 PB'],
    ['5GiB extra'],
    ['5 constructor'],
    ['NaN'],
    ['Infinity'],
    ['9007199254740992'],
    ['9'.repeat(30)],
    ['9999999 TB'],
  ])('%j is none', (text) => {
    expect(() => parseBytes(text)).toThrow(`'${text}' is not a size. Write for example 6GiB, 500MB or 1048576.`)
  })

  test('that is none is an invalid request', () => {
    expect(() => parseBytes('lots')).toThrow(
      expect.objectContaining({ reason: 'invalid-request', code: 'SYSTEM_ERROR', httpStatus: 400 }),
    )
  })

  test('is whole bytes, in proportion to its number, whatever the unit', () => {
    const units = fc.constantFrom('', 'B', 'kB', 'MB', 'GB', 'TB', 'K', 'M', 'G', 'T', 'KiB', 'MiB', 'GiB', 'TiB')
    fc.assert(
      fc.property(fc.nat({ max: 8_000 }), units, (count, unit) => {
        const bytes = parseBytes(`${count}${unit}`)
        expect(Number.isSafeInteger(bytes)).toBe(true)
        expect(bytes).toBe(count * parseBytes(`1${unit}`))
      }),
    )
  })

  test('any text is whole bytes or an invalid request, never another failure', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^ ?\d+(\.\d+)? ?[a-zA-Z]*$/)), (text) => {
        try {
          const bytes = parseBytes(text)
          expect(Number.isSafeInteger(bytes) && bytes >= 0).toBe(true)
        } catch (error) {
          expect(error).toMatchObject({ reason: 'invalid-request' })
        }
      }),
    )
  })
})

describe('a duration', () => {
  test.each([
    ['0', 0],
    ['5', 5_000],
    ['0.5', 500],
    ['250ms', 250],
    ['5s', 5_000],
    ['5m', 300_000],
    [' 5m ', 300_000],
    ['1h30m', 5_400_000],
    ['1d', 86_400_000],
    ['1.5h', 5_400_000],
    ['1m1ms', 60_001],
    ['1.1h', 3_960_000],
    ['0.0004', 0],
    ['-1', Infinity],
    ['-1s', Infinity],
    ['-0.5h', Infinity],
  ])('%j is %d ms', (text, durationMs) => {
    expect(parseDurationMs(text)).toBe(durationMs)
  })

  test.each([
    [''],
    ['  '],
    ['m'],
    ['soon'],
    ['5 m'],
    ['5M'],
    ['1h 30m'],
    ['1h30'],
    ['5w'],
    ['--1'],
    ['-'],
    ['+5'],
    ['1e3'],
    ['.5h'],
    ['Infinity'],
    ['9'.repeat(30)],
  ])('%j is none', (text) => {
    expect(() => parseDurationMs(text)).toThrow(`'${text}' is not a duration. Write for example 5m, 90s, 1h30m or -1.`)
  })

  test('that is none is an invalid request', () => {
    expect(() => parseDurationMs('soon')).toThrow(
      expect.objectContaining({ reason: 'invalid-request', code: 'SYSTEM_ERROR', httpStatus: 400 }),
    )
  })

  test('of several parts is their sum', () => {
    const part = fc.nat({ max: 1_000 })
    fc.assert(
      fc.property(part, part, part, part, part, (days, hours, minutes, seconds, ms) => {
        const sum = (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000 + ms
        expect(parseDurationMs(`${days}d${hours}h${minutes}m${seconds}s${ms}ms`)).toBe(sum)
      }),
    )
  })

  test('of any text is whole milliseconds, no limit, or an invalid request', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^-?\d+(\.\d+)?(ms|s|m|h|d)?$/)), (text) => {
        try {
          const durationMs = parseDurationMs(text)
          expect(durationMs === Infinity || (Number.isSafeInteger(durationMs) && durationMs >= 0)).toBe(true)
        } catch (error) {
          expect(error).toMatchObject({ reason: 'invalid-request' })
        }
      }),
    )
  })
})

describe('bytes for people', () => {
  test.each([
    [0, '0 B'],
    [1, '1 B'],
    [999, '999 B'],
    [0.4, '0 B'],
    [999.6, '1.0 kB'],
    [1_000, '1.0 kB'],
    [999_949, '999.9 kB'],
    [999_950, '1.0 MB'],
    [98_400_000, '98.4 MB'],
    [1_200_000_000, '1.2 GB'],
    [999_960_000_000, '1.0 TB'],
    [1e12, '1.0 TB'],
    [123e15, '123000.0 TB'],
    [-1, '-1 B'],
    [-98_400_000, '-98.4 MB'],
  ])('%d is %j', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text)
  })

  test('are decimal and, read again, what was written to its last digit', () => {
    fc.assert(
      fc.property(fc.nat({ max: 9e14 }), (bytes) => {
        const text = formatBytes(bytes)
        expect(text).toMatch(/^\d{1,3}(\.\d)? (B|[kMGT]B)$/)
        const lastDigitBytes = text.endsWith(' B') ? 1 : parseBytes(`1${text.split(' ')[1]}`) / 10
        expect(Math.abs(parseBytes(text) - bytes)).toBeLessThanOrEqual(lastDigitBytes / 2)
      }),
    )
  })
})

describe('a duration for people', () => {
  test.each([
    [0, '0ms'],
    [250, '250ms'],
    [999.4, '999ms'],
    [999.6, '1.0s'],
    [1_000, '1.0s'],
    [4_230, '4.2s'],
    [59_949, '59.9s'],
    [59_960, '1m 0s'],
    [60_000, '1m 0s'],
    [303_000, '5m 3s'],
    [3_599_499, '59m 59s'],
    [3_599_500, '1h 0m'],
    [7_800_000, '2h 10m'],
    [360_000_000, '100h 0m'],
    [Infinity, 'forever'],
  ])('%d ms is %j', (durationMs, text) => {
    expect(formatDuration(durationMs)).toBe(text)
  })

  test('never shows sixty of something, nor a thousand milliseconds', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), (durationMs) => {
        const text = formatDuration(durationMs)
        expect(text).toMatch(/^(\d{1,3}ms|[1-5]?\d\.\ds|[1-5]?\dm [1-5]?\ds|\d+h [1-5]?\dm)$/)
      }),
    )
  })
})

test('more digits than a number can hold are neither a size nor a duration', () => {
  expect(() => parseBytes('9'.repeat(400))).toThrow('is not a size')
  expect(() => parseDurationMs('9'.repeat(400))).toThrow('is not a duration')
})
