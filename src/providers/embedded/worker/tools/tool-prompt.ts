import type { ChatMessage, ToolDefinition } from '../../../../spec/chat.ts'

/**
 * The messages for a template that knows nothing of tools: what there is to call stands in the system message, calls
 * and results of before as text. The answer's form is held by a grammar; this only tells the model what is meant.
 */
export function describeTools(messages: readonly ChatMessage[], tools: readonly ToolDefinition[]): ChatMessage[] {
  const written = toolTalkAsText(messages)
  const [first, ...others] = written
  const description = toolsText(tools)
  if (first?.role === 'system') return [{ ...first, content: `${first.content}\n\n${description}` }, ...others]
  return [{ role: 'system', content: description }, ...written]
}

/** Calls and results as messages that every template can write. */
export function toolTalkAsText(messages: readonly ChatMessage[]): ChatMessage[] {
  const names = new Map<string, string>()
  return messages.map(({ role, content, toolCalls, toolCallId, ...rest }) => {
    for (const { id, name } of toolCalls ?? []) names.set(id, name)
    if (role === 'tool') {
      const name = names.get(toolCallId ?? '')
      return { ...rest, role: 'user', content: `Result of ${name ?? 'the tool'}:\n${content}` }
    }
    const calls = (toolCalls ?? []).map(
      (call) => `{"name": ${JSON.stringify(call.name)}, "arguments": ${call.arguments}}`,
    )
    return { ...rest, role, content: [content, ...calls].filter((text) => text !== '').join('\n') }
  })
}

function toolsText(tools: readonly ToolDefinition[]): string {
  const list = tools.map(({ name, description, parameters }) => JSON.stringify({ name, description, parameters }))
  return (
    'You can call these tools:\n' +
    `${list.join('\n')}\n` +
    'To call one, answer with a JSON object only: {"name": "<its name>", "arguments": {…}}'
  )
}
