import type { ChatImage, ChatMessage } from '../../spec/chat.ts'
import type { AssistantBlock, SentMessage, SimpleBlock, ToolResultBlock, UserBlock } from './content-block.ts'

type TextBlocks = readonly { readonly text: string }[]

/**
 * Claude Code puts a line into its system prompt that is another one with each request. No model has a use for it, and what
 * stands behind a changed beginning would be computed anew each time.
 */
const BILLING_LINE = /^x-anthropic-billing-header:[^\n]*\n?$/

/** The conversation in grym's own form: the system prompt first, messages of one role that follow each other as one turn. */
export function decodeConversation(system: TextBlocks, sent: readonly SentMessage[]): ChatMessage[] {
  const prompt = joined(system.filter(({ text }) => !BILLING_LINE.test(text)))
  return [...(prompt === '' ? [] : [systemMessage(prompt)]), ...turnsOf(sent).flatMap(decodeTurn)]
}

/** As Anthropic's API has it: consecutive messages of one role are one turn. Many templates take no others. */
function turnsOf(sent: readonly SentMessage[]): SentMessage[] {
  const turns: SentMessage[][] = []
  for (const message of sent) {
    const last = turns.at(-1)
    if (last?.[0]?.role === message.role) last.push(message)
    else turns.push([message])
  }
  // Joined once: adding to a turn message by message would copy a long one again and again.
  return turns.map(
    (messages) =>
      ({
        role: messages[0]?.role,
        content: messages.flatMap(({ content }): readonly unknown[] => content),
      }) as SentMessage,
  )
}

function decodeTurn(turn: SentMessage): ChatMessage[] {
  if (turn.role === 'assistant') return [assistantMessage(turn.content)]
  return turn.role === 'user' ? userMessages(turn.content) : [systemMessage(joined(turn.content))]
}

function systemMessage(content: string): ChatMessage {
  return { role: 'system', content }
}

/** Texts are joined as they are: they are one answer, which was cut at its calls. */
function assistantMessage(blocks: readonly AssistantBlock[]): ChatMessage {
  const texts: string[] = []
  const thoughts: string[] = []
  const toolCalls = []
  for (const block of blocks) {
    if (block.type === 'text') texts.push(block.text)
    else if (block.type === 'thinking') thoughts.push(block.thinking)
    else if (block.type === 'tool_use') {
      toolCalls.push({ id: block.id, name: block.name, arguments: argumentsText(block.input) })
    }
  }
  return {
    role: 'assistant',
    content: texts.join(''),
    ...(toolCalls.length > 0 && { toolCalls }),
    ...(thoughts.length > 0 && { reasoning: thoughts.join('\n') }),
  }
}

/** Text is what a model wrote instead of arguments. */
function argumentsText(input: unknown): string {
  return typeof input === 'string' ? input : JSON.stringify(input ?? {})
}

/**
 * Results of tools are messages of their own, right behind the calls that they answer; what the user says comes after
 * them, and pictures that tools gave stand there, too: templates have no place for them in a result.
 */
function userMessages(blocks: readonly UserBlock[]): ChatMessage[] {
  const results = blocks.filter((block) => block.type === 'tool_result')
  const said = blocks.filter((block) => block.type !== 'tool_result')
  const images = [...results.flatMap(({ content }) => content ?? []), ...said].flatMap(imagesOf)
  const content = textOf(said)
  const own: ChatMessage = { role: 'user', content, ...(images.length > 0 && { images }) }
  const isSaid = results.length === 0 || content !== '' || images.length > 0
  return [...results.map(toolMessage), ...(isSaid ? [own] : [])]
}

/** Whether a call failed has no place of its own in a template. */
function toolMessage({ tool_use_id: toolCallId, content, is_error: isError }: ToolResultBlock): ChatMessage {
  const text = textOf(content ?? [])
  return { role: 'tool', content: isError ? `The call failed: ${text}`.trimEnd() : text, toolCallId }
}

function textOf(blocks: readonly SimpleBlock[]): string {
  return joined(blocks.flatMap(textsOf).map((text) => ({ text })))
}

function textsOf(block: SimpleBlock): string[] {
  switch (block.type) {
    case 'text':
      return [block.text]
    case 'document': {
      const { title, context, source } = block
      return [title ?? '', context ?? '', source.type === 'text' ? source.data : joined(source.content)]
    }
    case 'search_result':
      return [block.title, block.source, joined(block.content)]
    case 'tool_reference':
      return [block.tool_name]
    case 'image':
      return []
  }
}

function imagesOf(block: SimpleBlock): ChatImage[] {
  return block.type === 'image' ? [{ mimeType: block.source.media_type, base64: block.source.data }] : []
}

/** Blocks are things of their own; without a line end between them the last word of one would run into the next. */
function joined(blocks: TextBlocks): string {
  return blocks
    .map(({ text }) => text)
    .filter((text) => text !== '')
    .join('\n')
}
