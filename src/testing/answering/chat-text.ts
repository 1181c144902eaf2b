/** A message of a chat, as it was sent in OpenAI's dialect. */
export interface ChatMessage {
  readonly role?: unknown
  readonly content?: unknown
  readonly tool_calls?: unknown
}

/** The template of the fakes as Jinja, for who renders by himself: {@link chatText} without tools and calls. */
export const CHAT_TEMPLATE: string =
  "{% for message in messages %}{{ '<|' + message['role'] + '|> ' + message['content'] + '<|end|>' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"

/** A chat as the prompt it becomes: each message between two marks, tools before them, and the mark that asks for an answer. */
export function chatText(messages: readonly ChatMessage[], tools: readonly unknown[]): string {
  const head = tools.length > 0 ? `<|tools|> ${JSON.stringify(tools)}<|end|>` : ''
  return `${head}${messages.map(messageText).join('')}<|assistant|>`
}

/** The text of a message: a text, or the texts among its parts. */
export function contentText(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return (content as { readonly text?: unknown }[]).map(({ text }) => (typeof text === 'string' ? text : '')).join('\n')
}

function messageText({ role, content, tool_calls: calls }: ChatMessage): string {
  const written = Array.isArray(calls) && calls.length > 0 ? ` ${JSON.stringify(calls)}` : ''
  return `<|${typeof role === 'string' ? role : ''}|> ${contentText(content)}${written}<|end|>`
}
