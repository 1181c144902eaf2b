import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ChatMessage } from '../spec/chat.ts'
import { MAX_EXPLICIT_ID_CHARACTERS, namedConversationId, randomConversationId } from './conversation-id.ts'
import { chainRoot, hashChain, longestKnownPrefix, splitSystem, systemPromptHash } from './hash-chain.ts'

const messages: ChatMessage[] = ['a', 'b', 'c'].map((content) => ({ role: 'user', content }))

test('each hash is made of the one before and its own message', () => {
  const chain = hashChain('local', messages)
  const expected = createHash('sha256').update(chainRoot('local')).update('["user","a",[]]').digest('hex')
  expect(chain[0]?.toString('hex')).toBe(expected)
  expect(hashChain('local', messages.slice(0, 2))).toEqual(chain.slice(0, 2))
  expect(chain.map((hash) => hash.length)).toEqual([32, 32, 32])
})

test('two owners share no hash, two orders share none after they part', () => {
  const [one, other] = [hashChain('local', messages), hashChain('0'.repeat(64), messages)]
  expect(one.filter((hash) => other.some((each) => each.equals(hash)))).toEqual([])
  const turned = hashChain('local', messages.toReversed())
  expect(one.filter((hash) => turned.some((each) => each.equals(hash)))).toEqual([])
  expect(systemPromptHash('a', 'b')).not.toEqual(systemPromptHash('ab', ''))
})

test('property: the longest known prefix is found with few questions', () => {
  fc.assert(
    fc.property(fc.nat(10_000), fc.nat(10_000), (length, most) => {
      const chain = Array.from({ length }, (_, index) => Buffer.from(String(index)))
      const known = Math.min(length, most)
      let questions = 0
      const found = longestKnownPrefix(chain, (hash) => {
        questions++
        return Number(hash.toString()) < known
      })
      expect(found).toBe(known)
      expect(questions).toBeLessThanOrEqual(14)
    }),
  )
})

test('system messages are taken out, wherever they stand', () => {
  const [a, b] = messages as [ChatMessage, ChatMessage]
  const system = (content: string): ChatMessage => ({ role: 'system', content })
  expect(splitSystem([system('one'), a, system('two'), b])).toEqual({ system: 'one\n\ntwo', turns: [a, b] })
  expect(splitSystem([a])).toEqual({ system: null, turns: [a] })
})

test('ids of conversations: printable, the same each time, another for another owner', () => {
  const name = '../ü\n{}'
  expect(namedConversationId('local', name)).toMatch(/^conv_[0-9a-f]{32}$/)
  expect(namedConversationId('local', name)).toBe(namedConversationId('local', name))
  expect(namedConversationId('other', name)).not.toBe(namedConversationId('local', name))
  expect(randomConversationId()).toMatch(/^conv_[0-9a-f]{32}$/)
  expect(randomConversationId()).not.toBe(randomConversationId())
})

test('the name of a conversation has a limit', () => {
  for (const length of [MAX_EXPLICIT_ID_CHARACTERS - 1, MAX_EXPLICIT_ID_CHARACTERS]) {
    expect(namedConversationId('local', 'x'.repeat(length))).toContain('conv_')
  }
  const tooLong = (): string => namedConversationId('local', 'x'.repeat(MAX_EXPLICIT_ID_CHARACTERS + 1))
  expect(tooLong).toThrow(expect.objectContaining({ reason: 'invalid-request' }))
})
