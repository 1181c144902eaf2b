import type { AnswerPart, TokenLogprob, ToolCall, WeighedToken } from '../../spec/chat.ts'
import { resourceError } from '../../spec/errors.ts'
import { asRecord, parsedJson } from '../../spec/json-narrowing.ts'
import { textOf } from '../answer/answer-writer.ts'

/** How one of Ollama's two kinds of answer says its parts. */
export interface AnswerForm {
  /** Fields of an object of an answer that carry these parts; none = the fields of one that carries nothing. */
  fieldsOf(parts: readonly AnswerPart[]): object
}

/** `message` of `POST /api/chat`. */
export class ChatForm implements AnswerForm {
  #calls = 0

  fieldsOf(parts: readonly AnswerPart[]): object {
    const calls = parts.flatMap((part) => (part.type === 'toolCall' ? [this.#encodeCall(part.call)] : []))
    const message = {
      role: 'assistant',
      content: textOf(parts, 'text'),
      ...thinkingOf(parts),
      ...(calls.length > 0 && { tool_calls: calls }),
    }
    return { message, ...logprobsOf(parts) }
  }

  #encodeCall({ id, name, arguments: text }: ToolCall): object {
    return { id, function: { index: this.#calls++, name, arguments: argumentsOf(name, text) } }
  }
}

/** `response` of `POST /api/generate`. */
export class GenerateForm implements AnswerForm {
  fieldsOf(parts: readonly AnswerPart[]): object {
    return { response: textOf(parts, 'text'), ...thinkingOf(parts), ...logprobsOf(parts) }
  }
}

function thinkingOf(parts: readonly AnswerPart[]): object {
  const thinking = textOf(parts, 'reasoning')
  return thinking === '' ? {} : { thinking }
}

/** Ollama's are an object. Throws `engine-error` for what is none: there is no other place that a client would look at. */
function argumentsOf(name: string, text: string): unknown {
  const value = asRecord(parsedJson(text))
  if (value) return value
  const called = `The model called '${name}' with arguments that are no JSON object.`
  throw resourceError('engine-error', `${called} Ask again, or lower the temperature.`)
}

function logprobsOf(parts: readonly AnswerPart[]): object {
  const tokens = parts.flatMap((part) => (part.type === 'text' ? (part.logprobs ?? []) : []))
  return tokens.length === 0 ? {} : { logprobs: tokens.map(encodeToken) }
}

function encodeToken({ top, ...token }: TokenLogprob): object {
  return { ...encodeWeighed(token), ...(top.length > 0 && { top_logprobs: top.map(encodeWeighed) }) }
}

function encodeWeighed({ token, logprob, bytes }: WeighedToken): object {
  return { token, logprob, ...(bytes && { bytes }) }
}
