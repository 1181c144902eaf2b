import { z } from 'zod'
import type { ChatImage, ChatMessage, ToolCall } from '../../spec/chat.ts'
import { invalid } from '../check-body.ts'
import { decodeInlineImage } from './inline-image.ts'

const part = z.looseObject({
  type: z.string(),
  text: z.string().optional(),
  image_url: z.union([z.string(), z.looseObject({ url: z.string() })]).optional(),
})
const content = z.union([z.string(), z.array(part), z.null()])
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
  readonly image_url?: string | { readonly url: string } | undefined
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
    ...decodeContent(value, index),
    ...(calls && calls.length > 0 && { toolCalls: calls.map(decodeToolCall) }),
    ...(toolCallId != null && { toolCallId }),
    ...(reasoning != null && { reasoning }),
  }
}

function decodeToolCall({ id, function: called }: CalledTool): ToolCall {
  return { id: id ?? '', name: called?.name ?? '', arguments: called?.arguments ?? '{}' }
}

function decodeContent(value: OpenAiMessage['content'], index: number): Pick<ChatMessage, 'content' | 'images'> {
  if (value == null) return { content: '' }
  if (typeof value === 'string') return { content: value }
  const texts: string[] = []
  const images: ChatImage[] = []
  for (const { type, text, image_url: image } of value) {
    if (type === 'text' && text !== undefined) texts.push(text)
    else if (type === 'image_url' && image !== undefined) {
      const url = typeof image === 'string' ? image : image.url
      images.push(decodeInlineImage(url, `messages[${index}].content`, 'messages'))
    } else throw invalid(`messages[${index}].content: parts of type '${type}' are not served.`, 'messages')
  }
  return { content: texts.join(''), ...(images.length > 0 && { images }) }
}
