/**
 * The fake's tokenizer: a token is a word (a run of letters, digits and `_`), or one other character, with the white
 * space before it; a mark of the template (`<|user|>`) is one. All tokens in order are the text again.
 */
export function tokenize(text: string): string[] {
  return text.match(/<\|\w+\|>|\s*[\p{L}\p{N}_]+|\s*[^\s\p{L}\p{N}_]|\s+/gu) ?? []
}

/** Numbers of tokens, for `context` and for files: the same in every process, made of the token's text. */
export class Vocabulary {
  readonly #tokens = new Map<number, string>()

  numbersOf(tokens: readonly string[]): number[] {
    return tokens.map((token) => {
      const number = numberOf(token)
      this.#tokens.set(number, token)
      return number
    })
  }

  /** The tokens of a `context`; a number that was never given is no token. */
  tokensOf(numbers: readonly number[]): string[] {
    return numbers.flatMap((number) => this.#tokens.get(number) ?? [])
  }
}

/** FNV-1a, 31 bits. */
function numberOf(token: string): number {
  let hash = 0x811c9dc5
  for (let place = 0; place < token.length; place++) hash = Math.imul(hash ^ token.charCodeAt(place), 0x01000193)
  return hash & 0x7fffffff
}
