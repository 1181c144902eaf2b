import { tokenize } from './tokens.ts'

/** What a fake says when nothing else is asked of it: `You said: <text>.` again and again, `count` tokens of it. */
export function repeatedText(text: string, count: number, opening = 'You said'): string[] {
  const sentence = `${opening}: ${text.trim()}.`
  const all = tokenize(sentence)
  const again = tokenize(` ${sentence}`)
  while (all.length < count) all.push(...again)
  return all.slice(0, count)
}
