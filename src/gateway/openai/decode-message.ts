import { z } from 'zod'
import type { ChatMessage, ToolCall } from '../../spec/chat.ts'
import { resourceError } from '../../spec/errors.ts'

const textPart = z.looseObject({ type: z.string(), text: z.string().optional() })
const content = z.union([z.string(), z.array(textPart), z.null()])
const toolCall = z.looseObject({
  id: z.string().optional(),
  function: z.looseObject({ name: z.string(), arguments: z.string().optional() }).optional(),
})
const shape = z.looseObject({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool'], {
    error: 'must be system, developer, user, assistant or tool',
  }),
  content: content.optional(),
  tool_calls: z.array(toolCall).nullish(),
  tool_call_id: z.string().nullish(),
  reasoning_content: z.string().nullish(),
})

interface ContentPart {
  readonly type: string
  readonly text?: string | undefined
}

interface CalledTool {
  readonly id?: string | undefined
  readonly function?: { readonly name: string; readonly arguments?: string | undefined } | undefined
}

/** A message as OpenAI's clients send it, checked. */
export interface OpenAiMessage {
  readonly role: 'system' | 'developer' | 'user' | 'assistant' | 'tool'
  readonly content?: string | readonly ContentPart[] | null | undefined
  readonly tool_calls?: readonly CalledTool[] | null | undefined
  readonly tool_call_id?: string | null | undefined
  readonly reasoning_content?: string | null | undefined
}

export const messageSchema: z.ZodType<OpenAiMessage> = shape

/** A message in grym's own form. Throws `invalid-request` for parts that are not served. */
export function decodeMessage(message: OpenAiMessage, index: number): ChatMessage {
  const { role, content: value, tool_calls: calls, tool_call_id: toolCallId, reasoning_content: reasoning } = message
  return {
    // A developer message is what OpenAI's newer models call a system message.
    role: role === 'developer' ? 'system' : role,
    content: decodeContent(value, index),
    ...(calls && calls.length > 0 && { toolCalls: calls.map(decodeToolCall) }),
    ...(toolCallId != null && { toolCallId }),
    ...(reasoning != null && { reasoning }),
  }
}

export function invalid(text: string, param: string): Error {
  return resourceError('invalid-request', text, { details: { param } })
}

function decodeToolCall({ id, function: called }: CalledTool): ToolCall {
  return { id: id ?? '', name: called?.name ?? '', arguments: called?.arguments ?? '{}' }
}

function decodeContent(value: OpenAiMessage['content'], index: number): string {
  if (value == null) return ''
  if (typeof value === 'string') return value
  return value
    .map((part) => {
      if (part.type === 'text' && part.text !== undefined) return part.text
      const refusal = `messages[${index}].content: parts of type '${part.type}' are not served; the embedded engine reads text only.`
      // `image_url`, `input_image`: an engine without vision is another thing than a malformed request.
      const reason = part.type.includes('image') ? 'images-unsupported' : 'invalid-request'
      throw resourceError(reason, refusal, { details: { param: 'messages' } })
    })
    .join('')
}
