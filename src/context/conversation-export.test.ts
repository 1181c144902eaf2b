import { expect, test } from 'vitest'
import type { StoredConversation } from '../spec/conversations.ts'
import { exportJson, exportMarkdown } from './conversation-export.ts'

const CONVERSATION: StoredConversation = {
  id: 'conv_1',
  owner: 'a'.repeat(64),
  title: 'What is 1 + 2?',
  modelId: 'tiny',
  messageCount: 4,
  bytes: 40,
  createdAtMs: 0,
  updatedAtMs: 2_000,
  parentId: 'conv_0',
  system: 'You add.',
  messages: [
    { role: 'user', content: 'What is 1 + 2?', atMs: 0 },
    {
      role: 'assistant',
      content: '',
      reasoning: 'A sum.\nI have a tool.',
      toolCalls: [{ id: 'c', name: 'add', arguments: '{"note":"```"}' }],
      atMs: 1_000,
      modelId: 'tiny',
      outcome: 'ok',
    },
    { role: 'tool', content: '3', toolCallId: 'c', atMs: 1_500 },
    { role: 'assistant', content: 'It is', atMs: 2_000, modelId: 'tiny', outcome: 'request-cancelled' },
  ],
  modelHistory: [{ modelId: 'tiny', fromMs: 0 }],
  compaction: null,
}

test('for people: one section a message', () => {
  expect(exportMarkdown(CONVERSATION)).toBe(`# What is 1 + 2?

- id: conv_1
- begun 1970-01-01T00:00:00.000Z, last used 1970-01-01T00:00:02.000Z
- models: tiny (from 1970-01-01T00:00:00.000Z)
- branched off from conv_0

## System

You add.

## User, 1970-01-01T00:00:00.000Z

What is 1 + 2?

## Assistant (tiny), 1970-01-01T00:00:01.000Z

> A sum.
> I have a tool.

Calls \`add\`:

\`\`\`\`json
{"note":"\`\`\`"}
\`\`\`\`

## Tool, 1970-01-01T00:00:01.500Z

3

## Assistant (tiny), 1970-01-01T00:00:02.000Z

It is

*Broken off: request-cancelled.*
`)
})

test('without title, prompt and parent', () => {
  const text = exportMarkdown({ ...CONVERSATION, title: '', system: null, parentId: null, messages: [] })
  expect(text).toMatch(/^# Conversation without a title\n/)
  expect(text).not.toMatch(/System|branched/)
})

test('for programs: everything but the digest of the key', () => {
  const data = JSON.parse(JSON.stringify(exportJson(CONVERSATION))) as unknown
  const { owner: _, ...rest } = CONVERSATION
  expect(data).toEqual({ format: 'grym-conversation-1', ...rest })
})
