/** A part of a word: in single quotes, in double quotes, a letter after a backslash, or letters as they are. */
const PART = /'([^']*)'|"((?:[^"\\]|\\[^])*)"|\\([^])|([^\s'"\\]+|\\$)/y
const BLANKS = /\s*/y

/**
 * The words of a command line, as a shell would read them: blanks part, quotes hold together, a backslash takes the next
 * letter as it is (inside of double quotes only before `"`, `\`, `$` and a backtick). Nothing is expanded: no shell
 * ever sees it.
 * @returns `undefined` when a quote is not closed.
 */
export function splitCommand(written: string): string[] | undefined {
  const words: string[] = []
  for (let at = endOf(BLANKS, written, 0); at < written.length; at = endOf(BLANKS, written, at)) {
    let word = ''
    while (at < written.length && !/\s/.test(written.charAt(at))) {
      PART.lastIndex = at
      const part = PART.exec(written)
      if (!part) return undefined
      const [whole, single, double, escaped, plain] = part
      word += single ?? double?.replaceAll(/\\(["\\$`])/g, '$1') ?? escaped ?? plain ?? ''
      at += whole.length
    }
    words.push(word)
  }
  return words
}

function endOf(pattern: RegExp, text: string, from: number): number {
  pattern.lastIndex = from
  return from + (pattern.exec(text)?.[0].length ?? 0)
}
