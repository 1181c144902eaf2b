import { expect, test } from 'vitest'
import { conversationMarkdown } from './conversation-text.ts'
import type { StoredConversation } from './conversations.ts'

const AT_MS = Date.UTC(2026, 0, 31, 12)

const WEATHER: StoredConversation = {
  id: 'conv_1',
  owner: 'local',
  title: 'Weather\u001b[2J in\nParis',
  modelId: 'smollm2',
  messageCount: 4,
  bytes: 1_234,
  createdAtMs: AT_MS,
  updatedAtMs: AT_MS + 60_000,
  parentId: 'conv_0',
  system: 'Be brief.',
  modelHistory: [
    { modelId: 'tiny', fromMs: AT_MS },
    { modelId: 'smollm2', fromMs: AT_MS + 60_000 },
  ],
  compaction: null,
  messages: [
    { role: 'user', content: 'And\u009b31m now?\r\n', atMs: AT_MS },
    {
      role: 'assistant',
      content: '',
      reasoning: 'Ask `a tool`.',
      toolCalls: [{ id: 'call_1', name: 'weather', arguments: '{"city":"Paris"}' }],
      modelId: 'tiny',
      outcome: 'ok',
      atMs: AT_MS,
    },
    { role: 'tool', content: '```\nsunny\n```', toolCallId: 'call_1', atMs: AT_MS },
    { role: 'assistant', content: 'Sun', modelId: 'smollm2', outcome: 'engine-lost', atMs: AT_MS + 60_000 },
  ],
}

test('everything a reader wants to know, and nothing a terminal obeys', () => {
  expect(conversationMarkdown(WEATHER)).toBe(
    [
      '# Weather[2J in Paris\n',
      '- id: conv_1',
      '- model: tiny (from 2026-01-31 12:00:00Z), smollm2 (from 2026-01-31 12:01:00Z)',
      '- 4 messages, 1.2 kB, from 2026-01-31 12:00:00Z to 2026-01-31 12:01:00Z',
      '- branched off from conv_0\n',
      '## system\n',
      'Be brief.\n',
      '## user (2026-01-31 12:00:00Z)\n',
      'And31m now?\n',
      '## assistant (tiny, 2026-01-31 12:00:00Z)\n',
      'Reasoning:\n',
      '```\nAsk `a tool`.\n```\n',
      'Calls `weather` (call_1):\n',
      '```\n{"city":"Paris"}\n```\n',
      '## tool (answers call_1, 2026-01-31 12:00:00Z)\n',
      '````\n```\nsunny\n```\n````\n',
      '## assistant (smollm2, 2026-01-31 12:01:00Z, broken off: engine-lost)\n',
      'Sun',
    ].join('\n'),
  )
})

test('an empty one has its facts', () => {
  const empty = { ...WEATHER, title: '', parentId: null, system: null, modelHistory: [], messages: [], messageCount: 0 }
  expect(conversationMarkdown(empty)).toMatch(/^# Conversation\n\n- id: conv_1\n- model: smollm2\n- 0 messages.*$/)
})
