import { charBody, charSet, type CharSet, codeOf, complement } from './char-set.ts'
import type { Grammar } from './grammar.ts'

/** A pattern that cannot be written as a grammar; the message says why. */
export class PatternFault extends Error {}

const MAX_PATTERN_CHARACTERS = 2_000
const MAX_DEPTH = 50

/** A part of a pattern as a body of a rule. */
interface Part {
  readonly body: string
  /** May it match nothing? */
  readonly isEmptyable: boolean
  /** Characters it matches, at least and at most. */
  readonly least: number
  readonly most: number
}

/** The rule of texts that match, and how many characters they have, at least and at most. */
export interface MatchedText {
  readonly name: string
  readonly least: number
  readonly most: number
}

const DIGITS = charSet([0x30, 0x39])
const WORD = charSet([0x30, 0x39], [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a])
const SPACE = charSet([0x09, 0x0d], [0x20, 0x20])
const CLASSES: Readonly<Record<string, CharSet>> = {
  d: DIGITS,
  D: complement(DIGITS),
  w: WORD,
  W: complement(WORD),
  s: SPACE,
  S: complement(SPACE),
}
const CONTROLS: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13, '0': 0 }
const NOT_LINE_END = complement(charSet([0x0a, 0x0a], [0x0d, 0x0d], [0x2028, 0x2029]))
const ANY = charSet([0, 0x10ffff])

/**
 * The rule of strings (without their quotes) that a regular expression of ECMA-262 finds a match in. Served: characters,
 * classes, groups, alternatives, quantifiers, anchors at either end. Look-around, back references, word boundaries and
 * properties of Unicode are not: those are no regular grammar, or too large a one.
 *
 * Throws {@link PatternFault}.
 */
export function patternRule(grammar: Grammar, name: string, pattern: string): MatchedText {
  if (pattern.length > MAX_PATTERN_CHARACTERS) throw new PatternFault('it is too long')
  const { body, least, most } = new PatternParser(grammar, name, pattern).whole()
  return { name: grammar.rule(name, body), least, most }
}

class PatternParser {
  readonly #grammar: Grammar
  readonly #name: string
  readonly #characters: readonly string[]
  #at = 0
  #depth = 0

  constructor(grammar: Grammar, name: string, pattern: string) {
    this.#grammar = grammar
    this.#name = name
    this.#characters = Array.from(pattern)
  }

  whole(): Part {
    const alternatives: Part[] = []
    do alternatives.push(this.#anchored())
    while (this.#take('|'))
    if (this.#at < this.#characters.length) throw new PatternFault("it has a ')' too many")
    return either(alternatives)
  }

  /** An alternative of the whole pattern: without an anchor anything may stand before it, or after. */
  #anchored(): Part {
    const isFromStart = this.#take('^')
    const inner = this.#sequence()
    const isToEnd = this.#take('$')
    const anything = (): Part => this.#repeated(this.#oneOf(ANY), 0, Infinity)
    return sequence([...(isFromStart ? [] : [anything()]), inner, ...(isToEnd ? [] : [anything()])])
  }

  #sequence(): Part {
    const parts: Part[] = []
    for (let next = this.#peek(); next !== undefined && next !== '|' && next !== ')'; next = this.#peek()) {
      if (next === '$' && this.#isAtEnd()) break
      parts.push(this.#quantified())
    }
    return sequence(parts)
  }

  /** Is this `$` the last of an alternative of the whole pattern? */
  #isAtEnd(): boolean {
    const next = this.#characters[this.#at + 1]
    return this.#depth === 0 && (next === undefined || next === '|')
  }

  #quantified(): Part {
    const part = this.#atom()
    const bounds = this.#quantifier()
    if (!bounds) return part
    // Lazy or not, the same strings match.
    this.#take('?')
    const [least, most] = bounds
    if (most > 1 && part.isEmptyable) throw new PatternFault('it repeats something that may be empty')
    return this.#repeated(part, least, most)
  }

  #quantifier(): readonly [number, number] | undefined {
    if (this.#take('*')) return [0, Infinity]
    if (this.#take('+')) return [1, Infinity]
    if (this.#take('?')) return [0, 1]
    const [written, least, comma, most] =
      /^\{(\d{1,6})(,?)(\d{0,6})\}/.exec(this.#characters.slice(this.#at, this.#at + 16).join('')) ?? []
    if (written === undefined) return undefined
    this.#at += written.length
    const highest = comma === '' ? Number(least) : most === '' ? Infinity : Number(most)
    if (highest < Number(least)) throw new PatternFault('it has a quantifier that can never be')
    return [Number(least), highest]
  }

  #atom(): Part {
    const character = this.#next()
    if (character === '(') return this.#group()
    if (character === '[') return this.#oneOf(this.#class())
    if (character === '.') return this.#oneOf(NOT_LINE_END)
    if (character === '\\') return this.#oneOf(this.#escape())
    if (character === '^' || character === '$') throw new PatternFault('it has an anchor in its middle')
    if (character === '*' || character === '+' || character === '?') throw new PatternFault('it repeats nothing')
    return this.#oneOf(single(character))
  }

  #group(): Part {
    if (this.#take('?') && !this.#take(':')) {
      const isNamed = this.#take('<') && this.#peek() !== '=' && this.#peek() !== '!'
      if (!isNamed) throw new PatternFault('it looks ahead or behind')
      while (this.#next() !== '>');
    }
    if (++this.#depth > MAX_DEPTH) throw new PatternFault('its groups are nested too deeply')
    const alternatives: Part[] = []
    do alternatives.push(this.#sequence())
    while (this.#take('|'))
    if (!this.#take(')')) throw new PatternFault('a group is not closed')
    this.#depth -= 1
    return either(alternatives)
  }

  #class(): CharSet {
    const isNegated = this.#take('^')
    const ranges: (readonly [number, number])[] = []
    for (let character = this.#next(); character !== ']'; character = this.#next()) {
      const first = character === '\\' ? this.#escape(true) : single(character)
      const [low] = first
      if (this.#peek() !== '-' || this.#characters[this.#at + 1] === ']' || !low || low[0] !== low[1]) {
        ranges.push(...first)
        continue
      }
      this.#next()
      const end = this.#next()
      const [high] = end === '\\' ? this.#escape(true) : single(end)
      if (!high || high[0] !== high[1] || high[0] < low[0]) throw new PatternFault('it has a range that is none')
      ranges.push([low[0], high[0]])
    }
    const set = charSet(...ranges)
    return isNegated ? complement(set) : set
  }

  #escape(isInClass = false): CharSet {
    const character = this.#next()
    const known = CLASSES[character]
    if (known) return known
    if (isInClass && character === 'b') return charSet([8, 8])
    const control = CONTROLS[character]
    if (control !== undefined) return charSet([control, control])
    if (character === 'x') return this.#hex(2)
    if (character === 'u') return this.#hex(4)
    if (/[bB]/.test(character)) throw new PatternFault('it has a word boundary')
    if (/[1-9k]/.test(character)) throw new PatternFault('it refers back to a group')
    if (/[pP]/.test(character)) throw new PatternFault('it has a property of Unicode')
    return single(character)
  }

  #hex(digits: number): CharSet {
    const text = this.#characters.slice(this.#at, this.#at + digits).join('')
    if (!new RegExp(`^[0-9a-fA-F]{${digits}}$`).test(text)) throw new PatternFault('it has a broken escape')
    this.#at += digits
    const code = Number.parseInt(text, 16)
    return charSet([code, code])
  }

  #oneOf(set: CharSet): Part {
    const body = charBody(set)
    if (body === undefined) throw new PatternFault('it has a class without a character')
    return { body, isEmptyable: false, least: 1, most: 1 }
  }

  #repeated(part: Part, least: number, most: number): Part {
    const body = this.#grammar.repeat(`${this.#name}-part`, part.body, least, most)
    const times = (count: number, length: number): number => (count === 0 || length === 0 ? 0 : count * length)
    return {
      body,
      isEmptyable: least === 0 || part.isEmptyable,
      least: times(least, part.least),
      most: times(most, part.most),
    }
  }

  #peek(): string | undefined {
    return this.#characters[this.#at]
  }

  #next(): string {
    const character = this.#characters[this.#at]
    if (character === undefined) throw new PatternFault('it ends too early')
    this.#at += 1
    return character
  }

  #take(character: string): boolean {
    if (this.#peek() !== character) return false
    this.#at += 1
    return true
  }
}

function single(character: string): CharSet {
  const code = codeOf(character)
  return charSet([code, code])
}

function sequence(parts: readonly Part[]): Part {
  return {
    body:
      parts.length === 0
        ? '""'
        : parts.map(({ body }) => (parts.length > 1 && body.includes('|') ? `(${body})` : body)).join(' '),
    isEmptyable: parts.every(({ isEmptyable }) => isEmptyable),
    least: parts.reduce((sum, { least }) => sum + least, 0),
    most: parts.reduce((sum, { most }) => sum + most, 0),
  }
}

function either(parts: readonly Part[]): Part {
  return {
    body: parts.map(({ body }) => body).join(' | '),
    isEmptyable: parts.some(({ isEmptyable }) => isEmptyable),
    least: Math.min(...parts.map(({ least }) => least)),
    most: Math.max(...parts.map(({ most }) => most)),
  }
}
