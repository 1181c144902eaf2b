import type { AnswerPart, TokenLogprob } from '../../spec/chat.ts'
import {
  type AnswerEncoding,
  type AnswerIdentity,
  encodeHead,
  encodeReceipt,
  encodeUsage,
  FINISH_REASONS,
  textOf,
} from './encode-answer.ts'

/** `text_completion`, whole and in pieces. @param echo put in front of the answer; empty = nothing. */
export function completionEncoding(echo: string): AnswerEncoding {
  let textOffset = echo.length
  const logprobsOf = (part: AnswerPart): object | null => {
    const tokens = part.type === 'text' ? (part.logprobs ?? []) : []
    const encoded = encodeLogprobs(tokens, textOffset)
    textOffset += tokens.reduce((length, { token }) => length + token.length, 0)
    return encoded
  }
  return {
    idPrefix: 'cmpl-',
    whole: (identity, parts, end) => {
      const tokens = parts.flatMap((part) => (part.type === 'text' ? (part.logprobs ?? []) : []))
      const logprobs = encodeLogprobs(tokens, textOffset)
      const choice = { text: echo + textOf(parts, 'text'), index: 0, logprobs }
      return {
        ...encodeHead(identity, 'text_completion'),
        choices: [{ ...choice, finish_reason: FINISH_REASONS[end.finishReason] }],
        usage: encodeUsage(end),
      }
    },
    begin: (identity) => (echo === '' ? undefined : encodePiece(identity, echo, null)),
    part: (identity, part) => encodePiece(identity, part.type === 'text' ? part.text : '', logprobsOf(part)),
    finish: (identity, end) => ({
      ...encodeHead(identity, 'text_completion'),
      choices: [{ text: '', index: 0, logprobs: null, finish_reason: FINISH_REASONS[end.finishReason] }],
      grym: encodeReceipt(end),
    }),
    usage: (identity, end) => ({ ...encodeHead(identity, 'text_completion'), choices: [], usage: encodeUsage(end) }),
  }
}

function encodePiece(identity: AnswerIdentity, text: string, logprobs: object | null): object {
  return {
    ...encodeHead(identity, 'text_completion'),
    choices: [{ text, index: 0, logprobs, finish_reason: null }],
  }
}

/** The older form: parallel lists. */
function encodeLogprobs(tokens: readonly TokenLogprob[], firstOffset: number): object | null {
  if (tokens.length === 0) return null
  let offset = firstOffset
  return {
    tokens: tokens.map(({ token }) => token),
    token_logprobs: tokens.map(({ logprob }) => logprob),
    top_logprobs: tokens.map(({ top }) => Object.fromEntries(top.map(({ token, logprob }) => [token, logprob]))),
    text_offset: tokens.map(({ token }) => {
      const start = offset
      offset += token.length
      return start
    }),
  }
}
