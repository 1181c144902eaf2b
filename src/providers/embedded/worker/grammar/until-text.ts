import { classCharacter, codeOf } from './char-set.ts'

/** What is needed of a grammar that is being put together. */
export interface RuleSink {
  /** Adds a rule and returns the name under which it can be used. */
  rule(name: string, body: string): string
}

/**
 * Adds rules for any text up to and including the first occurrence of a mark; returns the name of their first one. One
 * rule a state of the search automaton (Knuth, Morris, Pratt 1977): state k has read the first k characters of the mark.
 * Each character read moves to one state only, so the engine never follows more than one path.
 *
 * @param mayEnd may the text end without the mark?
 * @param then what follows the mark (a rule's name or a body); empty = nothing.
 */
export function untilText(grammar: RuleSink, name: string, mark: string, mayEnd: boolean, then: string): string {
  const characters = Array.from(mark)
  const alphabet = [...new Set(characters)]
  const stateName = (state: number): string => (state === characters.length ? then : `${name}-${state}`)
  characters.forEach((_, state) => {
    const moves = alphabet
      .map((character) => ({ character, next: nextState(characters, state, character) }))
      .filter(({ next }) => next > 0)
    const others = `[^${moves.map(({ character }) => classCharacter(codeOf(character))).join('')}] ${name}-0`
    const bodies = moves.map(({ character, next }) =>
      `[${classCharacter(codeOf(character))}] ${stateName(next)}`.trim(),
    )
    grammar.rule(`${name}-${state}`, [...(mayEnd ? ['""'] : []), ...bodies, others].join(' | '))
  })
  return `${name}-0`
}

/** Rules for any text that does not begin with a mark, white space before it not counted. */
export function notBeginningWith(grammar: RuleSink, name: string, mark: string): string {
  const characters = Array.from(mark)
  grammar.rule(`${name}-any`, String.raw`[^\x00]*`)
  characters.forEach((character, state) => {
    const isLast = state === characters.length - 1
    const blank = state === 0 ? String.raw` \t\r\n` : ''
    const bodies = [
      '""',
      ...(isLast ? [] : [`[${classCharacter(codeOf(character))}] ${name}-${state + 1}`]),
      ...(state === 0 ? [String.raw`[ \t\r\n] ${name}-0`] : []),
      `[^${blank}${classCharacter(codeOf(character))}] ${name}-any`,
    ]
    grammar.rule(`${name}-${state}`, bodies.join(' | '))
  })
  return `${name}-0`
}

/** The longest beginning of the mark that is an end of its first `state` characters and one more. */
function nextState(mark: readonly string[], state: number, character: string): number {
  const read = [...mark.slice(0, state), character]
  for (let length = read.length; length > 0; length--) {
    const end = read.slice(read.length - length)
    if (end.every((each, index) => each === mark[index])) return length
  }
  return 0
}
