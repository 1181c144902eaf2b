import type { AnswerPart, TokenLogprob } from '../../spec/chat.ts'
import { textOf } from '../answer/answer-writer.ts'
import type { CompletionForm } from './completion-writer.ts'

/** `text_completion`, whole and in pieces. */
export class TextForm implements CompletionForm {
  readonly idPrefix = 'cmpl-'
  readonly object = 'text_completion'
  readonly pieceObject = 'text_completion'
  readonly #echo: string
  #textOffset: number

  /** @param echo put in front of the answer; empty = nothing. */
  constructor(echo: string) {
    this.#echo = echo
    this.#textOffset = echo.length
  }

  wholeChoice(parts: readonly AnswerPart[]): object {
    const tokens = parts.flatMap((part) => (part.type === 'text' ? (part.logprobs ?? []) : []))
    return { text: this.#echo + textOf(parts, 'text'), logprobs: this.#logprobs(tokens) }
  }

  beginChoice(): object | undefined {
    return this.#echo === '' ? undefined : { text: this.#echo, logprobs: null }
  }

  partChoice(part: AnswerPart): object {
    if (part.type !== 'text') return { text: '', logprobs: null }
    return { text: part.text, logprobs: this.#logprobs(part.logprobs ?? []) }
  }

  endChoice(): object {
    return { text: '', logprobs: null }
  }

  /** The older form: parallel lists. */
  #logprobs(tokens: readonly TokenLogprob[]): object | null {
    if (tokens.length === 0) return null
    return {
      tokens: tokens.map(({ token }) => token),
      token_logprobs: tokens.map(({ logprob }) => logprob),
      top_logprobs: tokens.map(({ top }) => Object.fromEntries(top.map(({ token, logprob }) => [token, logprob]))),
      text_offset: tokens.map(({ token }) => {
        const start = this.#textOffset
        this.#textOffset += token.length
        return start
      }),
    }
  }
}
