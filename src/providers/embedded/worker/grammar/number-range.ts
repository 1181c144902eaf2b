/** Digits that a bounded number has at most before its point, where its bound is open. */
const OPEN_DIGITS = 15

/**
 * Decimal numbers with `fractionDigits` digits after the point, from `least` to `most` in units of the last digit.
 * `undefined` = there is none. Exact: one alternative for each run of digits that is free.
 */
export function decimalRange(least: bigint, most: bigint, fractionDigits: number): string | undefined {
  if (least > most) return undefined
  const bodies: string[] = []
  if (least < 0n) {
    const [from, to] = [most < 0n ? -most : 1n, -least]
    if (from <= to) bodies.push(`"-" (${widths(from, to, fractionDigits).join(' | ')})`)
  }
  if (most >= 0n) bodies.push(...widths(least > 0n ? least : 0n, most, fractionDigits))
  return bodies.join(' | ')
}

/** The open end of a range, in units of the last digit. */
export function openBound(fractionDigits: number): bigint {
  return 10n ** BigInt(OPEN_DIGITS + fractionDigits) - 1n
}

/** One body for each number of digits. */
function widths(least: bigint, most: bigint, fractionDigits: number): string[] {
  const bodies: string[] = []
  const shortest = fractionDigits + 1
  for (let width = shortest; width <= most.toString().length || width === shortest; width++) {
    const smallest = width === shortest ? 0n : 10n ** BigInt(width - 1)
    const from = least > smallest ? least : smallest
    const largest = 10n ** BigInt(width) - 1n
    const to = most < largest ? most : largest
    if (from > to) continue
    const digits = (value: bigint): string => value.toString().padStart(width, '0')
    bodies.push(digitRange(digits(from), digits(to), width - fractionDigits))
  }
  return bodies
}

/**
 * Digit strings of the same length from `low` to `high`; a point stands before the digit at `pointAt`.
 *
 * @param position of the first digit in the whole number.
 */
function digitRange(low: string, high: string, pointAt: number, position = 0): string {
  const point = position === pointAt ? '"." ' : ''
  const rest = low.length - 1
  if (/^0*$/.test(low) && /^9*$/.test(high)) return free(low.length, position, pointAt)
  const after = (from: string, to: string): string =>
    rest === 0 ? '' : ` ${group(digitRange(from, to, pointAt, position + 1))}`
  const [first, last] = [Number(low[0]), Number(high[0])]
  if (first === last) return `${point}"${first}"${after(low.slice(1), high.slice(1))}`
  const [zeros, nines] = ['0'.repeat(rest), '9'.repeat(rest)]
  const isLowWhole = low.slice(1) === zeros
  const isHighWhole = high.slice(1) === nines
  const [from, to] = [isLowWhole ? first : first + 1, isHighWhole ? last : last - 1]
  const bodies = [
    ...(isLowWhole ? [] : [`"${first}"${after(low.slice(1), nines)}`]),
    ...(from <= to ? [`[${from}-${to}]${after(zeros, nines)}`] : []),
    ...(isHighWhole ? [] : [`"${last}"${after(zeros, high.slice(1))}`]),
  ]
  return `${point}${group(bodies.join(' | '))}`
}

/** Any digits, with the point where it belongs. */
function free(count: number, position: number, pointAt: number): string {
  const before = pointAt - position
  if (before < 0 || before >= count) return `[0-9]{${count}}`
  return `${before > 0 ? `[0-9]{${before}} ` : ''}"." [0-9]{${count - before}}`
}

function group(body: string): string {
  return body.includes('|') ? `(${body})` : body
}
