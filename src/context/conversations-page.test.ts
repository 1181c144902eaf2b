import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { ChatMessage } from '../spec/chat.ts'
import { canonicalMessage } from './canonical-message.ts'
import { DEFAULT_CONVERSATION_LIMITS } from './conversation-limits.ts'
import { chainRoot, hashChain, splitSystem } from './hash-chain.ts'

const PAGE = readFileSync(join(import.meta.dirname, '../../docs/conversations.md'), 'utf8')
const EXAMPLE = /Owner `([^`]+)`.*?```json\n(.*?)```\n\n(.*?)\n\n/gs

test('the worked examples of docs/conversations.md are what the code does', () => {
  const examples = [...PAGE.matchAll(EXAMPLE)]
  expect(examples).toHaveLength(2)
  for (const [, owner = '', json = '', table = ''] of examples) {
    const { turns } = splitSystem(JSON.parse(json) as ChatMessage[])
    const rows = [...table.matchAll(/^\| (.+) \| `([0-9a-f]{64})` \|$/gm)].map(([, form, hash]) => [form, hash])
    const chain = hashChain(owner, turns)
    expect(rows).toEqual([
      ['beginning', chainRoot(owner).toString('hex')],
      ...turns.map((message, index) => [`\`${canonicalMessage(message)}\``, chain[index]?.toString('hex')]),
    ])
  }
  expect(examples[1]?.[1]).toBe(createHash('sha256').update('test').digest('hex'))
})

test('and from its rules alone the hashes come out, too', () => {
  const sha256 = (...parts: (string | Buffer)[]): Buffer => {
    const hash = createHash('sha256')
    for (const part of parts) hash.update(part)
    return hash.digest()
  }
  const first = sha256(sha256('grym conversation 1\nlocal'), '["user","What is 1 + 2?",[]]')
  expect(PAGE).toContain(sha256(first, '["assistant","3",[]]').toString('hex'))
})

test('its limits are the defaults', () => {
  expect(DEFAULT_CONVERSATION_LIMITS).toEqual({
    maxConversations: 200_000,
    maxBytes: 1024 ** 3,
    maxAgeMs: 30 * 86_400_000,
  })
  for (const shown of ['| 200,000 |', '| 1 GiB |', '| 30 days |']) expect(PAGE).toContain(shown)
})
