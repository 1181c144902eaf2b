/** Longest run of tokens that one character can be spread over (UTF-8 has 4 bytes, byte tokens hold one each). */
const MAX_PENDING_TOKENS = 4
const REPLACEMENT = '\uFFFD'

/**
 * Turns tokens into text as they come. A character may be spread over several tokens; its pieces wait until it is
 * whole, so no half character is ever sent.
 *
 * @typeParam Token what the tokenizer calls a token.
 */
export class TextStream<Token> {
  readonly #detokenize: (tokens: Token[], before: Token[]) => string
  readonly #before: Token[] = []
  #pending: Token[] = []

  constructor(detokenize: (tokens: Token[], before: Token[]) => string) {
    this.#detokenize = detokenize
  }

  /** Text that this token completes; empty while a character is still in pieces. */
  push(token: Token): string {
    this.#pending.push(token)
    const text = this.#detokenize(this.#pending, this.#before)
    if (text.endsWith(REPLACEMENT) && this.#pending.length < MAX_PENDING_TOKENS) return ''
    return this.#take(text)
  }

  /** The generation is over: what is left, whole or not. */
  rest(): string {
    return this.#pending.length === 0 ? '' : this.#take(this.#detokenize(this.#pending, this.#before))
  }

  #take(text: string): string {
    // A few tokens before are enough for the tokenizer to place spaces.
    this.#before.push(...this.#pending)
    this.#before.splice(0, Math.max(0, this.#before.length - MAX_PENDING_TOKENS))
    this.#pending = []
    return text
  }
}
