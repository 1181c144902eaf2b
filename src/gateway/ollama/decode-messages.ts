import { z } from 'zod'
import type { ChatMessage, ToolCall } from '../../spec/chat.ts'
import { invalid } from '../check-body.ts'
import { decodeImage } from './decode-image.ts'

interface SentCall {
  readonly id?: string | null | undefined
  readonly function: {
    readonly name: string
    readonly arguments?: Readonly<Record<string, unknown>> | null | undefined
  }
}

/** A message as Ollama's clients send it, checked. */
export interface OllamaMessage {
  readonly role: ChatMessage['role']
  readonly content?: string | null | undefined
  readonly thinking?: string | null | undefined
  readonly images?: readonly string[] | null | undefined
  readonly tool_calls?: readonly SentCall[] | null | undefined
  readonly tool_name?: string | null | undefined
  readonly tool_call_id?: string | null | undefined
}

const call: z.ZodType<SentCall> = z.looseObject({
  id: z.string().nullish(),
  function: z.looseObject({
    name: z.string(),
    arguments: z.record(z.string(), z.unknown(), { error: 'must be an object, not text' }).nullish(),
  }),
})

export const messageSchema: z.ZodType<OllamaMessage> = z.looseObject({
  role: z.enum(['system', 'user', 'assistant', 'tool'], { error: 'must be system, user, assistant or tool' }),
  content: z.string({ error: 'must be a text' }).nullish(),
  thinking: z.string({ error: 'must be a text' }).nullish(),
  images: z.array(z.string({ error: 'must be base64' })).nullish(),
  tool_calls: z.array(call).nullish(),
  tool_name: z.string().nullish(),
  tool_call_id: z.string().nullish(),
})

/**
 * A conversation in grym's own form. There a result says by an id which call it answers; Ollama's clients say it by the
 * tool's name or by the order alone, and their calls may have no ids: then they get some here, the same ones each time.
 * Throws `invalid-request`.
 */
export function decodeMessages(messages: readonly OllamaMessage[]): ChatMessage[] {
  let open: readonly ToolCall[] = []
  return messages.map((message, index) => {
    const { role, content, thinking, images, tool_calls: calls, tool_call_id: sentId } = message
    const toolCalls = (calls ?? []).map((each, place) => decodeCall(each, `call_${index}_${place}`))
    if (role === 'assistant') open = toolCalls
    const answered = role === 'tool' && !sentId ? answeredBy(message, open) : undefined
    const toolCallId = sentId ?? answered?.id
    open = open.filter(({ id }) => id !== toolCallId)
    return {
      role,
      content: content ?? '',
      ...(images && images.length > 0 && { images: decodeImages(images, role, index) }),
      ...(toolCalls.length > 0 && { toolCalls }),
      ...(role === 'tool' && toolCallId && { toolCallId }),
      ...(thinking && { reasoning: thinking }),
    }
  })
}

function answeredBy({ tool_name: name }: OllamaMessage, open: readonly ToolCall[]): ToolCall | undefined {
  return name ? open.find((each) => each.name === name) : open[0]
}

function decodeCall({ id, function: called }: SentCall, ownId: string): ToolCall {
  return { id: id || ownId, name: called.name, arguments: JSON.stringify(called.arguments ?? {}) }
}

function decodeImages(images: readonly string[], role: string, index: number): NonNullable<ChatMessage['images']> {
  const param = `messages[${index}].images`
  if (role !== 'user') throw invalid(`${param}: only a user's message may have pictures.`, param)
  return images.map((image, place) => decodeImage(image, `${param}[${place}]`))
}
