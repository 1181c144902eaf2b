import { type Grammar } from './grammar.ts'
import { integerRule, numberRule } from './json-rules.ts'
import { decimalRange, openBound } from './number-range.ts'
import { below, own, type Place, type Schema, schemaFault } from './schema-fault.ts'

/** Digits that a bounded number has after its point at most, beyond those of its bounds. */
const MORE_DIGITS = 2
const MAX_FRACTION_DIGITS = 12

/** Integers and numbers by their bounds: exact for integers; bounded numbers have few digits after the point. */
export function numberRuleOf(grammar: Grammar, schema: Schema, isInteger: boolean, name: string, place: Place): string {
  const multiple = own(schema, 'multipleOf')
  if (multiple !== undefined && !(multiple === 1 && isInteger)) {
    throw schemaFault(below(place, 'multipleOf'), 'is not served')
  }
  const least = boundOf(schema, 'minimum', 'exclusiveMinimum', place)
  const most = boundOf(schema, 'maximum', 'exclusiveMaximum', place)
  if (!least && !most) return isInteger ? integerRule(grammar) : numberRule(grammar)
  const digits = isInteger ? 0 : Math.max(fractionDigits(least), fractionDigits(most)) + MORE_DIGITS
  if (digits > MAX_FRACTION_DIGITS) throw schemaFault(place, 'its bounds have too many digits')
  // With each number of digits after the point: the last one need not be a zero.
  const bodies = Array.from({ length: digits + 1 }, (_, fraction) => {
    const from = least ? unitsAbove(least, fraction) : -openBound(fraction)
    const to = most ? unitsBelow(most, fraction) : openBound(fraction)
    return decimalRange(from, to, fraction)
  })
  const body = bodies.filter((each) => each !== undefined).join(' | ')
  if (body === '') throw schemaFault(place, 'no number lies between its bounds')
  return grammar.rule(name, body)
}

interface Bound {
  readonly value: number
  readonly isExclusive: boolean
}

/** In the older form `exclusiveMinimum` is a boolean beside `minimum`. */
function boundOf(schema: Schema, key: string, exclusiveKey: string, place: Place): Bound | undefined {
  const [value, exclusive] = [numberOf(schema, key, place), own(schema, exclusiveKey)]
  if (exclusive === true) return value === undefined ? undefined : { value, isExclusive: true }
  const other = exclusive === false ? undefined : numberOf(schema, exclusiveKey, place)
  if (other === undefined) return value === undefined ? undefined : { value, isExclusive: false }
  if (value === undefined) return { value: other, isExclusive: true }
  const isStricter = key === 'minimum' ? other >= value : other <= value
  return isStricter ? { value: other, isExclusive: true } : { value, isExclusive: false }
}

function numberOf(schema: Schema, key: string, place: Place): number | undefined {
  const value = own(schema, key)
  if (value === undefined) return undefined
  if (typeof value === 'number' && Math.abs(value) < 1e15) return value
  // Larger than any number that is written: no bound at all (JavaScript's own largest integer is sent by some clients).
  if (typeof value === 'number') return undefined
  throw schemaFault(below(place, key), 'has to be a number')
}

function fractionDigits(bound: Bound | undefined): number {
  const text = bound ? bound.value.toFixed(MAX_FRACTION_DIGITS) : ''
  return text.replace(/^[^.]*\.?/, '').replace(/0+$/, '').length
}

/** The first whole unit that is allowed. */
function unitsAbove(bound: Bound, digits: number): bigint {
  const { units, isWhole } = unitsOf(bound.value, digits)
  return !isWhole || bound.isExclusive ? units + 1n : units
}

function unitsBelow(bound: Bound, digits: number): bigint {
  const { units, isWhole } = unitsOf(bound.value, digits)
  return isWhole && bound.isExclusive ? units - 1n : units
}

/** The largest whole number of units that is not above a value. */
function unitsOf(value: number, digits: number): { readonly units: bigint; readonly isWhole: boolean } {
  const [whole = '0', fraction = ''] = Math.abs(value).toFixed(MAX_FRACTION_DIGITS).split('.')
  const cut = BigInt(whole + fraction.slice(0, digits))
  const isWhole = /^0*$/.test(fraction.slice(digits))
  return { units: value < 0 ? -cut - (isWhole ? 0n : 1n) : cut, isWhole }
}
