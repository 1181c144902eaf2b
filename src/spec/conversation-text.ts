import type { StoredConversation, StoredMessage } from './conversations.ts'
import { printableLine, printableText } from './printable-text.ts'
import { formatBytes } from './units.ts'

/**
 * A conversation to read: Markdown with one heading a message. Control characters are left out; who needs every byte
 * takes the JSON.
 */
export function conversationMarkdown(conversation: StoredConversation): string {
  const { id, title, modelId, messageCount, bytes, createdAtMs, updatedAtMs, parentId, system, messages } = conversation
  const facts = [
    `- id: ${id}`,
    `- model: ${modelHistoryWords(conversation) || modelId}`,
    `- ${messageCount} ${messageCount === 1 ? 'message' : 'messages'}, ${formatBytes(bytes)}, from ${timeText(createdAtMs)} to ${timeText(updatedAtMs)}`,
    ...(parentId === null ? [] : [`- branched off from ${parentId}`]),
  ]
  return [
    `# ${printableLine(title) || 'Conversation'}`,
    facts.map(printableLine).join('\n'),
    ...(system === null ? [] : ['## system', bodyText(system)]),
    ...messages.flatMap(messageParts),
  ].join('\n\n')
}

/** `2026-01-31 12:00:00Z` */
export function timeText(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19).replace('T', ' ')}Z`
}

/** The models in order of time, those that followed each other. */
function modelHistoryWords({ modelHistory }: StoredConversation): string {
  return modelHistory.map(({ modelId, fromMs }) => `${modelId} (from ${timeText(fromMs)})`).join(', ')
}

function messageParts({
  role,
  content,
  reasoning,
  toolCalls = [],
  toolCallId,
  modelId,
  outcome,
  atMs,
}: StoredMessage): string[] {
  const notes = [
    ...(modelId === undefined ? [] : [modelId]),
    ...(toolCallId === undefined ? [] : [`answers ${toolCallId}`]),
    timeText(atMs),
    ...(outcome === undefined || outcome === 'ok' ? [] : [`broken off: ${outcome}`]),
  ]
  return [
    `## ${role} (${printableLine(notes.join(', '))})`,
    ...(reasoning ? ['Reasoning:', fenced(reasoning)] : []),
    ...(content === '' ? [] : [role === 'tool' ? fenced(content) : bodyText(content)]),
    ...toolCalls.flatMap((call) => [
      `Calls \`${printableLine(call.name)}\` (${printableLine(call.id)}):`,
      fenced(call.arguments),
    ]),
  ]
}

function bodyText(text: string): string {
  return printableText(text).trim()
}

/** As it is, between fences longer than any run of backticks in it. */
function fenced(text: string): string {
  const body = bodyText(text)
  const longest = [...body.matchAll(/`+/g)].reduce((most, [run]) => Math.max(most, run.length), 2)
  const fence = '`'.repeat(longest + 1)
  return `${fence}\n${body}\n${fence}`
}
