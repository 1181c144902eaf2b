import type { StoredConversation, StoredMessage } from '../spec/conversations.ts'

/** The form of {@link exportJson}; a change that a reader must know of counts it up. */
const EXPORT_FORMAT = 'grym-conversation-1'

const SPEAKERS: Readonly<Record<StoredMessage['role'], string>> = {
  system: 'System',
  user: 'User',
  assistant: 'Assistant',
  tool: 'Tool',
}

/** For programs: everything that is kept of a conversation, but whose it is: that is the digest of a key. */
export function exportJson(conversation: StoredConversation): Readonly<Record<string, unknown>> {
  const { owner: _, ...rest } = conversation
  return { format: EXPORT_FORMAT, ...rest }
}

/** For people: Markdown, one section a message. What a message says stands there as it is. */
export function exportMarkdown(conversation: StoredConversation): string {
  const { id, title, createdAtMs, updatedAtMs, modelHistory, parentId, system, messages } = conversation
  const facts = [
    `- id: ${id}`,
    `- begun ${isoTime(createdAtMs)}, last used ${isoTime(updatedAtMs)}`,
    `- models: ${modelHistory.map(({ modelId, fromMs }) => `${modelId} (from ${isoTime(fromMs)})`).join(', ')}`,
    ...(parentId === null ? [] : [`- branched off from ${parentId}`]),
  ]
  const sections = [
    `# ${title || 'Conversation without a title'}`,
    facts.join('\n'),
    ...(system === null ? [] : [`## System\n\n${system}`]),
    ...messages.map(section),
  ]
  return `${sections.join('\n\n')}\n`
}

function section({ role, content, toolCalls = [], reasoning, atMs, modelId, outcome }: StoredMessage): string {
  const by = modelId === undefined ? '' : ` (${modelId})`
  const parts = [
    `## ${SPEAKERS[role]}${by}, ${isoTime(atMs)}`,
    ...(reasoning ? [quote(reasoning)] : []),
    ...(content === '' ? [] : [content]),
    ...toolCalls.map((call) => `Calls \`${call.name}\`:\n\n${fenced(call.arguments)}`),
    ...(outcome === undefined || outcome === 'ok' ? [] : [`*Broken off: ${outcome}.*`]),
  ]
  return parts.join('\n\n')
}

function quote(text: string): string {
  return text.replaceAll(/^/gm, '> ')
}

/** A fence longer than any inside. */
function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length))
  const fence = '`'.repeat(longest + 1)
  return `${fence}json\n${text}\n${fence}`
}

function isoTime(atMs: number): string {
  return new Date(atMs).toISOString()
}
