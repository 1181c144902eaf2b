import type { ChatImage, ChatMessage, ToolCall } from '../../spec/chat.ts'
import { invalid } from '../check-body.ts'
import { decodeInlineImage } from '../openai/inline-image.ts'
import type { InputItem, ItemPart } from './input-item.ts'

/**
 * Items as the messages of a conversation. A call belongs to the message of the assistant before it; reasoning is left
 * out, because no template takes it back. Throws `invalid-request` naming the item.
 *
 * @param earlier how many items stand before those of the request itself.
 */
export function decodeItems(items: readonly InputItem[], earlier: number): ChatMessage[] {
  const messages: ChatMessage[] = []
  for (const [index, item] of items.entries()) {
    const where = index < earlier ? `item ${index + 1} of the earlier responses` : `input[${index - earlier}]`
    if (item.type === 'message') messages.push(decodeMessageItem(item, where))
    else if (item.type === 'function_call') addCall(messages, decodeCall(item, where))
    else if (item.type === 'function_call_output') messages.push(decodeOutput(item, where))
  }
  return messages
}

function decodeMessageItem({ role, content }: InputItem, where: string): ChatMessage {
  if (role === undefined) throw invalid(`${where}.role: must be user, assistant, system or developer.`, 'input')
  // A developer message is what OpenAI's newer models call a system message.
  return { role: role === 'developer' ? 'system' : role, ...decodeContent(content, `${where}.content`) }
}

function addCall(messages: ChatMessage[], call: ToolCall): void {
  const last = messages.at(-1)
  if (last?.role !== 'assistant') messages.push({ role: 'assistant', content: '', toolCalls: [call] })
  else messages[messages.length - 1] = { ...last, toolCalls: [...(last.toolCalls ?? []), call] }
}

function decodeCall({ call_id: id, name, arguments: text }: InputItem, where: string): ToolCall {
  if (!id || !name) throw invalid(`${where}: a call needs its call_id and its name.`, 'input')
  return { id, name, arguments: text ?? '{}' }
}

function decodeOutput({ call_id: toolCallId, output }: InputItem, where: string): ChatMessage {
  if (!toolCallId) throw invalid(`${where}: the output of a call needs the call_id of the call.`, 'input')
  const { content, images } = decodeContent(output, `${where}.output`)
  if (images) throw invalid(`${where}.output: pictures are served in messages of the user only.`, 'input')
  return { role: 'tool', content, toolCallId }
}

function decodeContent(value: InputItem['content'], where: string): Pick<ChatMessage, 'content' | 'images'> {
  if (value == null) throw invalid(`${where}: must be a text or a list of parts.`, 'input')
  if (typeof value === 'string') return { content: value }
  const images: ChatImage[] = []
  const texts = value.map((part) => {
    if (part.type === 'input_image') images.push(decodeImage(part, where))
    return decodeText(part, where)
  })
  return { content: texts.join(''), ...(images.length > 0 && { images }) }
}

function decodeText({ type, text, refusal }: ItemPart, where: string): string {
  if (type === 'input_image') return ''
  const said = type === 'refusal' ? refusal : ['input_text', 'output_text'].includes(type) ? text : undefined
  if (said !== undefined) return said
  throw invalid(`${where}: parts of type '${type.slice(0, 50)}' are not served, or their text is missing.`, 'input')
}

function decodeImage({ image_url: url }: ItemPart, where: string): ChatImage {
  if (url != null) return decodeInlineImage(url, where, 'input')
  throw invalid(`${where}: a picture comes in image_url; files are not kept here.`, 'input')
}
