import type { AnswerPart, TokenLogprob, ToolCall, WeighedToken } from '../../spec/chat.ts'
import { textOf } from '../answer/answer-writer.ts'
import type { CompletionForm } from './completion-writer.ts'

/** `chat.completion` and its chunks. Reasoning is `reasoning_content`, as DeepSeek, LM Studio and llama-server have it. */
export class ChatForm implements CompletionForm {
  readonly idPrefix = 'chatcmpl-'
  readonly object = 'chat.completion'
  readonly pieceObject = 'chat.completion.chunk'
  #calls = 0

  wholeChoice(parts: readonly AnswerPart[]): object {
    return {
      message: encodeAnswer(parts),
      logprobs: encodeLogprobs(parts.flatMap((part) => (part.type === 'text' ? (part.logprobs ?? []) : []))),
    }
  }

  /** The first piece carries the role. */
  beginChoice(): object {
    return delta({ role: 'assistant', content: '' })
  }

  partChoice(part: AnswerPart): object {
    if (part.type === 'reasoning') return delta({ reasoning_content: part.text })
    if (part.type === 'toolCall') {
      return delta({ tool_calls: [{ index: this.#calls++, ...encodeToolCall(part.call) }] })
    }
    return delta({ content: part.text }, part.logprobs)
  }

  endChoice(): object {
    return delta({})
  }
}

function encodeAnswer(parts: readonly AnswerPart[]): object {
  const content = textOf(parts, 'text')
  const reasoning = textOf(parts, 'reasoning')
  const calls = parts.flatMap((part) => (part.type === 'toolCall' ? [encodeToolCall(part.call)] : []))
  return {
    role: 'assistant',
    content: content === '' && calls.length > 0 ? null : content,
    refusal: null,
    ...(reasoning !== '' && { reasoning_content: reasoning }),
    ...(calls.length > 0 && { tool_calls: calls }),
  }
}

function delta(fields: object, logprobs: readonly TokenLogprob[] = []): object {
  return { delta: fields, logprobs: encodeLogprobs(logprobs) }
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
