import type { ChatMessage } from '../spec/chat.ts'

/** Deeper JSON stays as text: the writer below calls itself once a level, and a stranger chooses the depth. */
const MAX_JSON_DEPTH = 200
/** Longer exponents stay as text: no tool means them, and adding them up takes time. */
const MAX_EXPONENT_DIGITS = 20

/**
 * What a message says, without what clients change when they send it again; equal texts mean the same message. The form
 * is a contract: stored hashes are made from it (`docs/conversations.md`).
 *
 * 1. a JSON array `[role, text, [[name, arguments], …]]`, so that nothing can be moved across a border
 * 2. text: line ends as LF, Unicode NFC, white space at both ends dropped
 * 3. arguments of a tool call: {@link canonicalJson}
 * 4. reasoning, the ids of tool calls and the id a tool's message answers are dropped
 */
export function canonicalMessage({ role, content, toolCalls = [] }: ChatMessage): string {
  const calls = toolCalls.map((call) => [call.name, canonicalJson(call.arguments)])
  return JSON.stringify([role, canonicalText(content), calls])
}

export function canonicalText(text: string): string {
  return text.replaceAll(/\r\n?/g, '\n').normalize('NFC').trim()
}

/**
 * JSON without white space, keys in the order of their UTF-16 units, each number in one spelling. Nothing at all is
 * `{}`, as some clients write a call without arguments. What is no JSON stays as it is: it cannot be taken for JSON.
 */
export function canonicalJson(text: string): string {
  if (text.trim() === '') return '{}'
  try {
    return writeValue(JSON.parse(text, keepExactNumber), 0)
  } catch (error) {
    // Not JSON, or nested so deeply that the parser or the writer gives up.
    if (error instanceof SyntaxError || error instanceof RangeError) return text
    throw error
  }
}

/** A number as text; the parser's own would lose the digits of a large one. */
class ExactNumber {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** `context.source` is the number as it was written (Node ≥ 21). */
function keepExactNumber(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === 'number' ? new ExactNumber(canonicalNumber(context?.source ?? String(value))) : value
}

/** As JavaScript writes it, where that is the same number to the last digit; else `<digits>e<exponent>`. */
function canonicalNumber(source: string): string {
  const usual = String(Number(source))
  const exact = decimal(source)
  return Number.isFinite(Number(source)) && decimal(usual) === exact ? usual : exact
}

/** Digits without zeros at either end, and the power of ten they are multiplied with. Exact for any length. */
function decimal(source: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(source) ?? []
  const digits = (whole + fraction).replace(/^0+/, '')
  const significant = withoutZerosAtEnd(digits)
  if (significant === '') return '0'
  if (exponent.length > MAX_EXPONENT_DIGITS) throw new RangeError('an exponent that is too long')
  const power = BigInt(exponent) - BigInt(fraction.length) + BigInt(digits.length - significant.length)
  return `${sign}${significant}e${power}`
}

/** A loop: the expression `0+$` takes quadratic time on digits that a stranger chose. */
function withoutZerosAtEnd(digits: string): string {
  let end = digits.length
  while (digits[end - 1] === '0') end--
  return digits.slice(0, end)
}

function writeValue(value: unknown, depth: number): string {
  if (depth > MAX_JSON_DEPTH) throw new RangeError('nested too deeply')
  if (value instanceof ExactNumber) return value.text
  if (Array.isArray(value)) return `[${value.map((item) => writeValue(item, depth + 1)).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${writeValue(item, depth + 1)}`).join(',')}}`
}
