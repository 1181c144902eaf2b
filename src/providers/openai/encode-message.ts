import type { ChatImage, ChatMessage, ToolCall } from '../../spec/chat.ts'

/** A message in OpenAI's form. What the model thought aloud stays here: it is never sent back. */
export function encodeMessage({ role, content, images, toolCalls, toolCallId }: ChatMessage): object {
  return {
    role,
    content: images && images.length > 0 ? [...textPart(content), ...images.map(imagePart)] : content,
    ...(toolCalls && toolCalls.length > 0 && { tool_calls: toolCalls.map(encodeToolCall) }),
    ...(toolCallId !== undefined && { tool_call_id: toolCallId }),
  }
}

function textPart(text: string): object[] {
  return text === '' ? [] : [{ type: 'text', text }]
}

function imagePart({ mimeType, base64 }: ChatImage): object {
  return { type: 'image_url', image_url: { url: `data:${mimeType};base64,${base64}` } }
}

function encodeToolCall({ id, name, arguments: written }: ToolCall): object {
  return { id, type: 'function', function: { name, arguments: written } }
}
