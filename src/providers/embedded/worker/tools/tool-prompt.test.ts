import { expect, test } from 'vitest'
import type { ChatMessage } from '../../../../spec/chat.ts'
import { describeTools, toolTalkAsText } from './tool-prompt.ts'

const user: ChatMessage = { role: 'user', content: 'hi' }
const tool = { name: 'add', description: 'Adds.', parameters: { type: 'object' } }
const described = '{"name":"add","description":"Adds.","parameters":{"type":"object"}}'

test('the tools stand in a system message of their own', () => {
  const [system, ...rest] = describeTools([user], [tool])
  expect(system?.role).toBe('system')
  expect(system?.content).toContain(described)
  expect(rest).toEqual([user])
})

test('or behind the one there is', () => {
  const [system, ...rest] = describeTools([{ role: 'system', content: 'Be brief.' }, user], [tool])
  expect(system?.content).toMatch(/^Be brief\.\n\n/)
  expect(system?.content).toContain(described)
  expect(rest).toEqual([user])
})

test('calls and results become text that says what they are', () => {
  const messages: ChatMessage[] = [
    user,
    { role: 'assistant', content: 'Well:', toolCalls: [{ id: '1', name: 'add', arguments: '{"a":1}' }] },
    { role: 'tool', content: '3', toolCallId: '1' },
    { role: 'tool', content: '4', toolCallId: 'unknown' },
  ]
  expect(toolTalkAsText(messages)).toEqual([
    user,
    { role: 'assistant', content: 'Well:\n{"name": "add", "arguments": {"a":1}}' },
    { role: 'user', content: 'Result of add:\n3' },
    { role: 'user', content: 'Result of the tool:\n4' },
  ])
})
