import type { Grammar } from './grammar.ts'

/** A key that is none of the named ones: a walk through the tree of their characters that leaves it somewhere. */
export function otherKeyRule(grammar: Grammar, name: string, keys: readonly string[]): string {
  const rest = grammar.rule('key-rest', String.raw`[^"\\\x00-\x1F\x7F]* "\""`)
  const walk = (left: readonly string[], depth: number): string => {
    const firsts = [...new Set(left.filter((key) => key !== '').map((key) => Array.from(key)[0] as string))]
    const isKey = left.includes('')
    const spelled = firsts.map(spell).join('')
    const bodies = [
      ...(isKey ? [] : [String.raw`"\""`]),
      `[^"\\\\\\x00-\\x1F\\x7F${spelled}] ${rest}`,
      ...firsts.map((first) => {
        const further = left.filter((key) => key.startsWith(first)).map((key) => key.slice(first.length))
        return `[${spell(first)}] ${walk(further, depth + 1)}`
      }),
    ]
    return grammar.rule(`${name}-${depth}`, bodies.join(' | '))
  }
  return grammar.rule(
    name,
    String.raw`"\"" ${walk(
      keys.map((key) => key),
      0,
    )}`,
  )
}

function spell(character: string): string {
  const code = character.codePointAt(0) ?? 0
  return code <= 0xffff ? `\\u${code.toString(16).padStart(4, '0')}` : `\\U${code.toString(16).padStart(8, '0')}`
}
