import type { AnswerPart, TokenLogprob, ToolCall, WeighedToken } from '../../spec/chat.ts'
import {
  type AnswerEncoding,
  type AnswerIdentity,
  encodeHead,
  encodeReceipt,
  encodeUsage,
  FINISH_REASONS,
  textOf,
} from './encode-answer.ts'

/** `chat.completion` and its chunks. Reasoning is `reasoning_content`, as DeepSeek, LM Studio and llama-server have it. */
export const CHAT_ENCODING: AnswerEncoding = {
  idPrefix: 'chatcmpl-',
  whole: (identity, parts, end) => ({
    ...encodeHead(identity, 'chat.completion'),
    choices: [
      {
        index: 0,
        message: encodeAnswer(parts),
        logprobs: encodeLogprobs(parts.flatMap((part) => (part.type === 'text' ? (part.logprobs ?? []) : []))),
        finish_reason: FINISH_REASONS[end.finishReason],
      },
    ],
    usage: encodeUsage(end),
  }),
  begin: (identity) => encodeDelta(identity, { role: 'assistant', content: '' }),
  part: (identity, part, index) => {
    if (part.type === 'reasoning') return encodeDelta(identity, { reasoning_content: part.text })
    if (part.type === 'toolCall')
      return encodeDelta(identity, { tool_calls: [{ index, ...encodeToolCall(part.call) }] })
    return encodeDelta(identity, { content: part.text }, part.logprobs)
  },
  finish: (identity, end) => ({
    ...encodeHead(identity, 'chat.completion.chunk'),
    choices: [{ index: 0, delta: {}, logprobs: null, finish_reason: FINISH_REASONS[end.finishReason] }],
    grym: encodeReceipt(end),
  }),
  usage: (identity, end) => ({
    ...encodeHead(identity, 'chat.completion.chunk'),
    choices: [],
    usage: encodeUsage(end),
  }),
}

function encodeAnswer(parts: readonly AnswerPart[]): object {
  const content = textOf(parts, 'text')
  const reasoning = textOf(parts, 'reasoning')
  const calls = parts.flatMap((part) => (part.type === 'toolCall' ? [encodeToolCall(part.call)] : []))
  return {
    role: 'assistant',
    content: content === '' && calls.length > 0 ? null : content,
    ...(reasoning !== '' && { reasoning_content: reasoning }),
    ...(calls.length > 0 && { tool_calls: calls }),
  }
}

/** One piece of a stream; the first one carries the role. */
function encodeDelta(identity: AnswerIdentity, delta: object, logprobs: readonly TokenLogprob[] = []): object {
  return {
    ...encodeHead(identity, 'chat.completion.chunk'),
    choices: [{ index: 0, delta, logprobs: encodeLogprobs(logprobs), finish_reason: null }],
  }
}

function encodeToolCall({ id, name, arguments: text }: ToolCall): object {
  return { id, type: 'function', function: { name, arguments: text } }
}

function encodeLogprobs(logprobs: readonly TokenLogprob[]): object | null {
  if (logprobs.length === 0) return null
  return {
    content: logprobs.map(({ top, ...token }) => ({ ...encodeToken(token), top_logprobs: top.map(encodeToken) })),
    refusal: null,
  }
}

function encodeToken({ token, logprob, bytes }: WeighedToken): object {
  return { token, logprob, bytes }
}
