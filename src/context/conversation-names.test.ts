import { describe, expect, test } from 'vitest'
import { assistant, exchange, faultsIn, textsOf, turn, user } from '../../test/support/conversations.ts'
import { TemporaryFolder } from '../../test/support/system-ground.ts'
import { ConversationStore } from './conversation-store.ts'

const KEY_A = 'a'.repeat(64)
const KEY_B = 'b'.repeat(64)
const mine = { explicitId: 'mine' }

async function run(check: (store: ConversationStore) => Promise<void>): Promise<void> {
  await using folder = await TemporaryFolder.make()
  using store = await ConversationStore.open({ path: folder.at('conversations.db') })
  await check(store)
  expect(await faultsIn(folder.at('conversations.db'))).toEqual([])
}

describe('a conversation with a name', () => {
  test('is found by it, whatever its messages are', () =>
    run(async (store) => {
      const first = exchange(store, [user('Hello')], 'Hi!', mine)
      expect(first).toMatchObject({ match: 'new', conversationId: store.idOf('local', 'mine') })
      const other = exchange(store, [user('Hello')], 'Hi!', { explicitId: 'other' })
      expect(other.conversationId).not.toBe(first.conversationId)
      const next = exchange(store, [user('Hello'), assistant('Hi!'), user('More')], 'Sure', mine)
      expect(next).toMatchObject({ match: 'continued', knownMessages: 2, conversationId: first.conversationId })
      expect(await textsOf(store, first.conversationId)).toEqual(['Hello', 'Hi!', 'More', 'Sure'])
      expect(await textsOf(store, other.conversationId)).toEqual(['Hello', 'Hi!'])
    }))

  test('follows its client; what the client left stays beside it', () =>
    run(async (store) => {
      const { conversationId } = exchange(store, [user('Hello')], 'Hi!', mine)
      store.setCompaction(conversationId, 'of the first end')
      const edited = exchange(store, [user('Hello!')], 'Ho!', mine)
      expect(edited).toMatchObject({ match: 'continued', knownMessages: 0, conversationId })
      expect(await textsOf(store, conversationId)).toEqual(['Hello!', 'Ho!'])
      const tail = (await store.list({ limit: 10 })).find(({ id }) => id !== conversationId)
      expect(tail).toMatchObject({ parentId: conversationId, title: 'Hello', messageCount: 2 })
      expect((await store.get(tail?.id ?? '')).compaction).toBe('of the first end')
      expect((await store.get(conversationId)).compaction).toBe(null)
    }))

  test('that stands for many chats keeps each once', () =>
    run(async (store) => {
      const chats = ['a', 'b', 'c'].map((name) => [user(name)])
      for (let round = 0; round < 5; round++) {
        for (const chat of chats) {
          exchange(store, chat, `answer ${round}`, mine)
          chat.push(assistant(`answer ${round}`), user(`question ${round}`))
        }
      }
      expect(store.totals()).toMatchObject({ conversations: 3, messages: 30 })
    }))

  test('goes on only by its name', () =>
    run(async (store) => {
      const named = exchange(store, [user('Hello')], 'Hi!', mine)
      const unnamed = exchange(store, [user('Hello'), assistant('Hi!'), user('More')], 'Sure')
      expect(unnamed).toMatchObject({ match: 'branch', knownMessages: 2 })
      expect((await store.get(unnamed.conversationId)).parentId).toBe(named.conversationId)
      expect(await textsOf(store, named.conversationId)).toEqual(['Hello', 'Hi!'])
    }))

  test('may be named by the id it was told, and by nobody else', () =>
    run(async (store) => {
      const own = exchange(store, [user('Hello')], 'Hi!', { owner: KEY_A })
      const byId = { explicitId: own.conversationId }
      const next = exchange(store, [user('Something else')], 'Yes', { owner: KEY_A, ...byId })
      expect(next).toMatchObject({ match: 'continued', conversationId: own.conversationId })
      const stranger = exchange(store, [user('Mine now')], 'No', { owner: KEY_B, ...byId })
      expect(stranger).toMatchObject({ match: 'new' })
      expect(stranger.conversationId).not.toBe(own.conversationId)
      expect(await textsOf(store, own.conversationId)).toEqual(['Something else', 'Yes'])
    }))

  test('has another id for another owner', () =>
    run(async (store) => {
      const ids = [KEY_A, KEY_B, 'local'].map(
        (owner) => store.begin(turn([user('x')], { owner, ...mine })).conversationId,
      )
      expect(new Set(ids).size).toBe(3)
    }))

  test('whose list changed while an answer was written keeps the answer', () =>
    run(async (store) => {
      const first = store.begin(turn([user('Hello')], mine))
      store.begin(turn([user('Hello'), user('quick')], mine))
      store.finish(first, { message: assistant('Late'), modelId: 'tiny', outcome: 'ok', atMs: 1_000 })
      expect(await textsOf(store, first.conversationId)).toEqual(['Hello', 'quick'])
      const late = (await store.list({ limit: 10 })).find(({ parentId }) => parentId === first.conversationId)
      expect(late).toMatchObject({ messageCount: 2, title: 'Hello' })
    }))

  test('keeps its first answer when the second is another, and one of two that are the same', () =>
    run(async (store) => {
      for (const answer of ['one', 'two', 'two', 'one']) exchange(store, [user('Hello')], answer, mine)
      expect(store.totals()).toMatchObject({ conversations: 2, messages: 3 })
      expect(await textsOf(store, store.idOf('local', 'mine'))).toEqual(['Hello', 'one'])
    }))

  test('may have a name of 256 characters and no more', () =>
    run(async (store) => {
      expect(store.begin(turn([user('x')], { explicitId: '\u0000é'.repeat(128) })).match).toBe('new')
      const tooLong = (): unknown => store.begin(turn([user('x')], { explicitId: 'x'.repeat(257) }))
      expect(tooLong).toThrow(expect.objectContaining({ reason: 'invalid-request' }))
    }))
})

test('messages that a program adds by hand stand in the order of its calls', () =>
  run(async (store) => {
    const add = (...texts: string[]): void =>
      store.append({
        owner: 'local',
        explicitId: 'context:tiny',
        modelId: 'tiny',
        atMs: 7,
        messages: texts.map((text) => ({ message: user(text), atMs: 5 })),
      })
    expect(store.newest('local', 'context:tiny', 10)).toEqual([])
    add()
    expect(store.find('local', 'context:tiny')).toBe(undefined)
    expect(store.totals().conversations).toBe(0)
    add('a', 'b')
    add('a')
    const texts = (most: number): string[] => store.newest('local', 'context:tiny', most).map(({ content }) => content)
    expect(texts(10)).toEqual(['a', 'b', 'a'])
    expect(texts(2)).toEqual(['b', 'a'])
    expect(await store.get(store.idOf('local', 'context:tiny'))).toMatchObject({
      title: 'a',
      messageCount: 3,
      updatedAtMs: 7,
    })
  }))
