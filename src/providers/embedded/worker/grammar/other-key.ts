import { classCharacter, codeOf } from './char-set.ts'
import type { Grammar } from './grammar.ts'

/** A key that is none of the named ones: a walk through the tree of their characters that leaves it somewhere. */
export function otherKeyRule(grammar: Grammar, name: string, keys: readonly string[]): string {
  const rest = grammar.rule('key-rest', String.raw`[^"\\\x00-\x1F\x7F]* "\""`)
  const walk = (left: readonly string[], depth: number): string => {
    const firsts = [...new Set(left.filter((key) => key !== '').map((key) => Array.from(key)[0] as string))]
    const isKey = left.includes('')
    const spelled = firsts.map((first) => classCharacter(codeOf(first))).join('')
    const bodies = [
      ...(isKey ? [] : [String.raw`"\""`]),
      `[^"\\\\\\x00-\\x1F\\x7F${spelled}] ${rest}`,
      ...firsts.map((first) => {
        const further = left.filter((key) => key.startsWith(first)).map((key) => key.slice(first.length))
        return `[${classCharacter(codeOf(first))}] ${walk(further, depth + 1)}`
      }),
    ]
    return grammar.rule(`${name}-${depth}`, bodies.join(' | '))
  }
  return grammar.rule(name, String.raw`"\"" ${walk(keys, 0)}`)
}
