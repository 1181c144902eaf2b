/** Code points from the first to the last of each pair, in order and apart. */
export type CharSet = readonly (readonly [first: number, last: number])[]

const LAST = 0x10ffff

export function charSet(...ranges: readonly (readonly [number, number])[]): CharSet {
  const sorted = [...ranges].sort(([a], [b]) => a - b)
  const merged: [number, number][] = []
  for (const [first, last] of sorted) {
    const previous = merged.at(-1)
    if (previous && first <= previous[1] + 1) previous[1] = Math.max(previous[1], last)
    else merged.push([first, last])
  }
  return merged
}

export function complement(set: CharSet): CharSet {
  const rest: [number, number][] = []
  let next = 0
  for (const [first, last] of set) {
    if (first > next) rest.push([next, first - 1])
    next = last + 1
  }
  if (next <= LAST) rest.push([next, LAST])
  return rest
}

function without(set: CharSet, taken: CharSet): CharSet {
  return complement(charSet(...complement(set), ...taken))
}

function has(set: CharSet, code: number): boolean {
  return set.some(([first, last]) => code >= first && code <= last)
}

/** What cannot stand in a JSON string as it is: control characters, quote, backslash; and surrogates, which are none. */
const NEVER_PLAIN = charSet([0, 0x1f], [0x22, 0x22], [0x5c, 0x5c], [0x7f, 0x7f], [0xd800, 0xdfff])
/** Written with a backslash. Other control characters are left out: nobody means them. */
const ESCAPES: readonly (readonly [code: number, letter: string])[] = [
  [0x22, '"'],
  [0x5c, '\\'],
  [0x08, 'b'],
  [0x0c, 'f'],
  [0x0a, 'n'],
  [0x0d, 'r'],
  [0x09, 't'],
]

/** One of these characters inside a JSON string, as a body of a rule; `undefined` = none can be written. */
export function charBody(set: CharSet): string | undefined {
  const plain = without(set, NEVER_PLAIN)
  const escapes = ESCAPES.filter(([code]) => has(set, code)).map(([, letter]) =>
    letter === '"' || letter === '\\' ? `\\${letter}` : letter,
  )
  const bodies = [
    ...(plain.length > 0
      ? [`[${plain.map(([first, last]) => `${classCharacter(first)}-${classCharacter(last)}`).join('')}]`]
      : []),
    ...(escapes.length > 0 ? [String.raw`"\\" ` + `[${escapes.join('')}]`] : []),
  ]
  return bodies.length === 0 ? undefined : bodies.join(' | ')
}

/** A character of a class of characters, by its number: none of them then means anything else. */
export function classCharacter(code: number): string {
  return code <= 0xffff ? `\\u${code.toString(16).padStart(4, '0')}` : `\\U${code.toString(16).padStart(8, '0')}`
}

export function codeOf(character: string): number {
  return character.codePointAt(0) ?? 0
}
