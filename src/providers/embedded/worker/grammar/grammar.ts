import { resourceError } from '../../../../spec/errors.ts'

/** A stranger sends the schema: limits on what becomes of it. */
const MAX_RULES = 10_000
const MAX_CHARACTERS = 1_000_000
/** llama.cpp copies what is repeated, and refuses more than 2,000 in one go. */
const MAX_REPEATED = 1_000
/** All repetitions of one grammar, as many as are copied. */
const MAX_REPEATED_IN_ALL = 100_000

/** A grammar that is being put together, in llama.cpp's form (GBNF, https://github.com/ggml-org/llama.cpp/tree/master/grammars). */
export class Grammar {
  readonly #rules = new Map<string, string>()
  /** From where on numbers for a name are free. */
  readonly #numbers = new Map<string, number>()
  #characters = 0
  #repeated = 0

  /**
   * Adds a rule and returns the name under which it can be used: a known name with the same body is the same rule, with
   * another one it gets a number. Throws `schema-unsupported` when the grammar becomes too large.
   */
  rule(name: string, body: string): string {
    const known = this.#rules.get(name)
    if (known === body) return name
    if (known !== undefined) return this.rule(this.freeName(name), body)
    this.#characters += name.length + body.length
    if (this.#rules.size >= MAX_RULES || this.#characters > MAX_CHARACTERS) throw tooLarge()
    this.#rules.set(name, body)
    return name
  }

  /** A name that no rule has yet, for one that is used before it is known. */
  freeName(name: string): string {
    if (!this.#rules.has(name)) return name
    let number = this.#numbers.get(name) ?? 2
    while (this.#rules.has(`${name}-${number}`)) number += 1
    this.#numbers.set(name, number)
    return `${name}-${number}`
  }

  /** Reserves a name for a rule that refers to itself. */
  reserve(name: string): string {
    const free = this.freeName(name)
    this.#rules.set(free, '')
    return free
  }

  define(reserved: string, body: string): void {
    this.#rules.delete(reserved)
    this.rule(reserved, body)
  }

  /**
   * `least` to `most` times. @param body of a rule. @param most `Infinity` = without end.
   * Throws `schema-unsupported` for more than a million.
   */
  repeat(name: string, body: string, least: number, most: number): string {
    if (most === 0) return '""'
    const item = this.rule(name, body)
    this.#repeated += Math.min(most === Infinity ? least : most, 2 * MAX_REPEATED)
    if (this.#repeated > MAX_REPEATED_IN_ALL || least > MAX_REPEATED ** 2) throw tooLarge()
    if (most !== Infinity && most > MAX_REPEATED ** 2) throw tooLarge()
    const [chunks, rest] = [Math.floor(least / MAX_REPEATED), least % MAX_REPEATED]
    const chunk = (): string => this.rule(`${name}-${MAX_REPEATED}`, `${item}{${MAX_REPEATED}}`)
    const atLeast = [...(chunks > 0 ? [`${chunk()}{${chunks}}`] : []), ...(rest > 0 ? [`${item}{${rest}}`] : [])]
    if (most === Infinity) return [...atLeast, `${item}*`].join(' ')
    const more = most - least
    const [moreChunks, moreRest] = [Math.floor(more / MAX_REPEATED), more % MAX_REPEATED]
    // With whole chunks before it the rest may be as long as one of them: every length is reached, none exceeded.
    const optional = moreChunks === 0 ? [] : [`(${chunk()}{0,${moreChunks - 1}} ${item}{0,${MAX_REPEATED}})`]
    return [...atLeast, ...optional, ...(moreRest > 0 ? [`${item}{0,${moreRest}}`] : [])].join(' ') || '""'
  }

  /** @param root name of the rule that everything begins with. */
  text(root: string): string {
    return [`root ::= ${root}`, ...[...this.#rules].map(([name, body]) => `${name} ::= ${body}`)].join('\n')
  }
}

/** These characters and no others. */
export function literal(text: string): string {
  const escaped = Array.from(text).map((character) => {
    const code = character.codePointAt(0) ?? 0
    if (character === '"' || character === '\\') return `\\${character}`
    return code < 0x20 || code === 0x7f ? `\\x${code.toString(16).padStart(2, '0')}` : character
  })
  return `"${escaped.join('')}"`
}

function tooLarge(): Error {
  const message = 'The schema becomes too large a grammar. Make it smaller: fewer alternatives, shorter lengths.'
  return resourceError('schema-unsupported', message, { details: { param: 'response_format' } })
}
