import { z } from 'zod'
import type { InferRequest } from '../../spec/admin.ts'
import { checkBody, invalid } from '../check-body.ts'
import { type AnswerFields, decodeAnswerOptions } from '../openai/decode-answer-options.ts'
import { namedConversation } from '../openai/named-conversation.ts'
import { decodeFields, type RequestFields, requestFields } from '../openai/request-fields.ts'
import type { SaidInBody } from '../reception.ts'
import { type WishFields, wishFields } from '../request-wish.ts'
import { type InputItem, readInput } from './input-item.ts'
import { type FunctionTool, type ResponseFields, responseFields } from './response-fields.ts'

/** A request, checked; its response repeats a part of it. */
export type ResponseRequest = RequestFields & WishFields & ResponseFields

/** Fields that are not named are accepted and have no effect. */
const responseRequest: z.ZodType<ResponseRequest> = z.looseObject({
  ...requestFields,
  ...wishFields,
  ...responseFields,
})

export interface DecodedResponse {
  /** Without its messages: those of earlier responses may come before. */
  readonly request: Omit<InferRequest, 'messages'>
  readonly input: readonly InputItem[]
  readonly instructions: string | undefined
  readonly previousId: string | undefined
  /** Is it to be kept? */
  readonly isStored: boolean
  readonly said: SaidInBody
  readonly asked: ResponseRequest
}

/** Decodes a body of `POST /v1/responses`. Throws `invalid-request` naming the field, the value's fault and what is allowed. */
export function decodeResponse(body: unknown): DecodedResponse {
  const asked = checkBody(responseRequest, body)
  const { max_output_tokens: maxTokens, previous_response_id: previousId } = asked
  const input = readInput(asked.input)
  if (input.length === 0) throw invalid('input: must be a text or a list of at least one item.', 'input')
  return {
    request: {
      ...decodeFields(asked),
      ...(maxTokens != null && { maxTokens }),
      ...decodeAnswerOptions(asAnswerFields(asked)),
    },
    input,
    instructions: asked.instructions ?? undefined,
    previousId: previousId ?? undefined,
    isStored: asked.store ?? true,
    said: { conversationId: namedConversation(asked), wish: asked },
    asked,
  }
}

/** The same wishes as a chat completion has them. */
function asAnswerFields(asked: ResponseFields): AnswerFields {
  const { tools, choice } = allowedTools(asked)
  const { parallel_tool_calls, top_logprobs: top, reasoning, text } = asked
  const hasLogprobs = top != null || (asked.include?.includes('message.output_text.logprobs') ?? false)
  const format = text?.format
  return {
    tools: tools.map(({ name, description, parameters, strict }) => ({
      type: 'function',
      function: { name, description, parameters, strict },
    })),
    tool_choice: typeof choice === 'object' ? { function: choice } : choice,
    parallel_tool_calls,
    response_format:
      format?.type === 'json_schema' ? { type: 'json_schema', json_schema: { schema: format.schema } } : format,
    logprobs: hasLogprobs,
    top_logprobs: hasLogprobs ? (top ?? 0) : undefined,
    reasoning_effort: reasoning?.effort,
  }
}

/** `allowed_tools` leaves the tools that it names, and its mode. */
function allowedTools({ tools, tool_choice: choice }: ResponseFields): {
  readonly tools: readonly FunctionTool[]
  readonly choice: 'none' | 'auto' | 'required' | { readonly name: string } | undefined
} {
  const all = tools ?? []
  if (choice == null || typeof choice === 'string') return { tools: all, choice: choice ?? undefined }
  if (choice.type === 'function') return { tools: all, choice }
  const names = new Set(choice.tools.map(({ name }) => name))
  const unknown = [...names].find((name) => !all.some((tool) => tool.name === name))
  if (unknown === undefined) return { tools: all.filter(({ name }) => names.has(name)), choice: choice.mode }
  throw invalid(`tool_choice allows '${unknown.slice(0, 128)}', which is none of the tools.`, 'tool_choice')
}
