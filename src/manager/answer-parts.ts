import type { AnswerPart, ChatMessage } from '../spec/chat.ts'

/** The same answer in as few parts as it has: text that follows text becomes one. */
export function merged(parts: readonly AnswerPart[]): readonly AnswerPart[] {
  const whole: AnswerPart[] = []
  for (const part of parts) {
    const last = whole.at(-1)
    if (part.type === 'toolCall' || part.type !== last?.type) whole.push(part)
    else whole[whole.length - 1] = joined(last, part)
  }
  return whole
}

/** The answer as a message of the conversation. */
export function answerMessage(parts: readonly AnswerPart[]): ChatMessage {
  const reasoning = textOf(parts, 'reasoning')
  const toolCalls = parts.flatMap((part) => (part.type === 'toolCall' ? [part.call] : []))
  return {
    role: 'assistant',
    content: textOf(parts, 'text'),
    ...(toolCalls.length > 0 && { toolCalls }),
    ...(reasoning !== '' && { reasoning }),
  }
}

type WrittenPart = Extract<AnswerPart, { type: 'text' | 'reasoning' }>

function joined(first: WrittenPart, second: WrittenPart): AnswerPart {
  const text = first.text + second.text
  if (first.type === 'reasoning' || second.type === 'reasoning') return { type: first.type, text }
  const logprobs = [...(first.logprobs ?? []), ...(second.logprobs ?? [])]
  return { type: 'text', text, ...(logprobs.length > 0 && { logprobs }) }
}

function textOf(parts: readonly AnswerPart[], type: WrittenPart['type']): string {
  return parts.map((part) => (part.type === type ? part.text : '')).join('')
}
