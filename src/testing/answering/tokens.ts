/**
 * The fake's tokenizer: a token is a word (a run of letters, digits and `_`), or one other character, with the white
 * space before it; a mark of the template (`<|user|>`) is one. All tokens in order are the text again.
 */
export function tokenize(text: string): string[] {
  return text.match(/<\|\w+\|>|\s*[\p{L}\p{N}_]+|\s*[^\s\p{L}\p{N}_]|\s+/gu) ?? []
}

/** Numbers of tokens, for `context`: given in the order in which tokens are met. */
export class Vocabulary {
  readonly #numbers = new Map<string, number>()
  readonly #tokens: string[] = []

  numbersOf(tokens: readonly string[]): number[] {
    return tokens.map((token) => {
      const known = this.#numbers.get(token)
      if (known !== undefined) return known
      this.#numbers.set(token, this.#tokens.length)
      return this.#tokens.push(token) - 1
    })
  }

  /** The tokens of a `context`; a number that was never given is no token. */
  tokensOf(numbers: readonly number[]): string[] {
    return numbers.flatMap((number) => this.#tokens[number] ?? [])
  }
}
