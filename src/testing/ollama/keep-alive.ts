import { quoted, Refusal } from './refusal.ts'

/** Nanoseconds of Go's longest duration, in milliseconds: about 292 years. */
export const FOREVER_MS = 9_223_372_036_854

const UNITS_MS: ReadonlyMap<string, number> = new Map([
  ['ns', 1e-6],
  ['us', 1e-3],
  ['µs', 1e-3],
  ['μs', 1e-3],
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
])

/**
 * Reads the field `keep_alive` of a request. Returns milliseconds, `Infinity` for "forever", `undefined` where the
 * request says nothing (absent or null). A number is seconds; any negative one, and any negative duration, is forever.
 * Throws a 400 with Go's words: a string without a unit is no duration.
 */
export function readKeepAliveMs(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'number') return value < 0 ? Infinity : limited(value * 1_000)
  if (typeof value === 'string') {
    const durationMs = parseGoDurationMs(value)
    return durationMs < 0 ? Infinity : durationMs
  }
  throw new Refusal(400, `Unsupported type: '${goTypeOf(value)}'`)
}

/** A Go duration (`1h30m`, `300ms`, `-1m`, `0`) in milliseconds. Throws a 400 in the words of Go's parser. */
export function parseGoDurationMs(text: string): number {
  const sign = text.startsWith('-') ? -1 : 1
  let rest = text.replace(/^[-+]/, '')
  if (rest === '0') return 0
  if (rest === '') throw invalid(text)
  let sumMs = 0
  while (rest !== '') {
    const number = /^(?:\d+\.?\d*|\.\d+)/.exec(rest)?.[0]
    if (number === undefined) throw invalid(text)
    rest = rest.slice(number.length)
    const unit = /^[^\d.]*/.exec(rest)?.[0] ?? ''
    if (unit === '') throw new Refusal(400, `time: missing unit in duration ${quoted(text)}`)
    const unitMs = UNITS_MS.get(unit)
    if (unitMs === undefined) throw new Refusal(400, `time: unknown unit ${quoted(unit)} in duration ${quoted(text)}`)
    rest = rest.slice(unit.length)
    sumMs += Number(number) * unitMs
  }
  if (sumMs > FOREVER_MS) throw invalid(text)
  return sign * sumMs
}

/** The moment that `/api/ps` shows for a session that ends so long after `nowMs`. */
export function expiryMs(nowMs: number, sessionMs: number): number {
  return nowMs + Math.min(sessionMs, FOREVER_MS)
}

function invalid(text: string): Refusal {
  return new Refusal(400, `time: invalid duration ${quoted(text)}`)
}

function limited(durationMs: number): number {
  return durationMs > FOREVER_MS ? Infinity : durationMs
}

function goTypeOf(value: unknown): string {
  if (typeof value === 'boolean') return 'bool'
  return Array.isArray(value) ? '[]interface {}' : 'map[string]interface {}'
}
