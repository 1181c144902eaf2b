import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { describe, expect, test } from 'vitest'
import type { ConversationWish } from '../spec/admin.ts'
import type { OwnerId } from '../spec/owner-id.ts'
import { conversationWish, ownerOf } from './conversation-wish.ts'

const digest = (key: string): string => createHash('sha256').update(key).digest('hex')

function wish(headers: IncomingHttpHeaders, fieldId?: string): ConversationWish | undefined {
  return conversationWish(headers, fieldId, () => true)
}

describe('whose it is', () => {
  test.each<[string, IncomingHttpHeaders, OwnerId]>([
    ['no key at all', {}, 'local'],
    ['a bearer', { authorization: 'Bearer sk-1' }, digest('sk-1')],
    ['a bearer in another case, with blanks', { authorization: 'bearer   sk-1  ' }, digest('sk-1')],
    ['a bearer without a key', { authorization: 'Bearer ' }, 'local'],
    ['another scheme', { authorization: 'Basic dTpw' }, 'local'],
    ['x-api-key', { 'x-api-key': 'sk-1' }, digest('sk-1')],
    ['an empty x-api-key', { 'x-api-key': '' }, 'local'],
    ['x-api-key as a list', { 'x-api-key': ['sk-1', 'sk-2'] }, 'local'],
    ['both: the bearer', { authorization: 'Bearer sk-1', 'x-api-key': 'sk-2' }, digest('sk-1')],
    ['an empty bearer and x-api-key', { authorization: 'Bearer', 'x-api-key': 'sk-2' }, digest('sk-2')],
  ])('%s', (_, headers, owner) => {
    expect(ownerOf(headers)).toBe(owner)
    expect(wish(headers)).toEqual({ owner })
  })

  test('two keys are two owners, whatever they have in common', () => {
    const keys = ['a', 'A', 'aa', 'local', 'a\u00a0', digest('a')]
    const owners = keys.flatMap((key) => [
      ownerOf({ 'x-api-key': key }),
      ownerOf({ authorization: `Bearer ${key.trim()}` }),
    ])
    expect(new Set(owners).size).toBe(new Set(keys.flatMap((key) => [key, key.trim()])).size)
    expect(owners).not.toContain('local')
  })

  test('the key itself is nowhere in what is passed on', () => {
    const key = 'sk-very-secret'
    for (const headers of [{ authorization: `Bearer ${key}` }, { 'x-api-key': key }]) {
      expect(JSON.stringify(wish({ ...headers, 'x-grym-conversation': 'mine' }))).not.toContain(key)
    }
  })
})

describe('whether it is kept', () => {
  test.each<[string | string[], boolean]>([
    ['1', false],
    ['true', false],
    ['', false],
    ['00', false],
    [['0', '1'], false],
    ['0', true],
  ])('X-Grym-No-Store %j: kept %s', (value, isKept) => {
    expect(wish({ 'x-grym-no-store': value }, 'name') !== undefined).toBe(isKept)
  })

  test('an owner whose conversations are not kept wishes nothing, and only that one', () => {
    const asked: OwnerId[] = []
    const keeps = (owner: OwnerId): boolean => {
      asked.push(owner)
      return owner === 'local'
    }
    expect(conversationWish({ 'x-api-key': 'k' }, 'name', keeps)).toBeUndefined()
    expect(conversationWish({}, 'name', keeps)).toEqual({ owner: 'local', explicitId: 'name' })
    expect(asked).toEqual([digest('k'), 'local'])
  })

  test('what is not kept needs no good name', () => {
    expect(wish({ 'x-grym-no-store': '1', 'x-grym-conversation': 'x'.repeat(257) })).toBeUndefined()
  })
})

describe('what it is called', () => {
  test.each<[string, IncomingHttpHeaders, string | undefined, string | undefined]>([
    ['nothing', {}, undefined, undefined],
    ['the field', {}, 'field', 'field'],
    ['the header', { 'x-grym-conversation': 'header' }, undefined, 'header'],
    ['the header before the field', { 'x-grym-conversation': 'header' }, 'field', 'header'],
    ['an empty header is none', { 'x-grym-conversation': '' }, 'field', 'field'],
    ['a header that is a list is none', { 'x-grym-conversation': ['a', 'b'] }, 'field', 'field'],
  ])('%s', (_, headers, field, name) => {
    expect(wish(headers, field)).toEqual({ owner: 'local', ...(name !== undefined && { explicitId: name }) })
  })

  test.each(['header', 'field'])('256 characters are a name, 257 are refused: %s', (place) => {
    const named = (length: number): ConversationWish | undefined =>
      place === 'header' ? wish({ 'x-grym-conversation': 'x'.repeat(length) }) : wish({}, 'x'.repeat(length))
    expect(named(255)?.explicitId).toHaveLength(255)
    expect(named(256)?.explicitId).toHaveLength(256)
    expect(() => named(257)).toThrow(
      expect.objectContaining({ reason: 'invalid-request', message: expect.stringContaining('256') }),
    )
  })

  test('a field that is too long does not matter where the header names it', () => {
    expect(wish({ 'x-grym-conversation': 'short' }, 'x'.repeat(257))?.explicitId).toBe('short')
  })
})
