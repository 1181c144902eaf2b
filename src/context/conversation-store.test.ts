import { stat } from 'node:fs/promises'
import { describe, expect, test, vi } from 'vitest'
import { assistant, exchange, faultsIn, system, textsOf, turn, user } from '../../test/support/conversations.ts'
import { TemporaryFolder } from '../../test/support/system-ground.ts'
import type { ChatMessage } from '../spec/chat.ts'
import { ConversationStore } from './conversation-store.ts'
import { MessageTree } from './message-tree.ts'

const KEY_A = 'a'.repeat(64)
const KEY_B = 'b'.repeat(64)

class Ground implements AsyncDisposable {
  readonly folder: TemporaryFolder
  readonly path: string
  readonly store: ConversationStore

  private constructor(folder: TemporaryFolder, store: ConversationStore) {
    this.folder = folder
    this.path = folder.at('conversations.db')
    this.store = store
  }

  static async make(): Promise<Ground> {
    const folder = await TemporaryFolder.make()
    return new Ground(folder, await ConversationStore.open({ path: folder.at('conversations.db') }))
  }

  /** Each test ends with a look at the whole file. */
  async [Symbol.asyncDispose](): Promise<void> {
    const faults = await faultsIn(this.path)
    this.store.close()
    await this.folder[Symbol.asyncDispose]()
    expect(faults).toEqual([])
  }
}

describe('a client that sends the whole history each time', () => {
  test('goes on in one conversation, and only what is new is stored', async () => {
    await using ground = await Ground.make()
    const { store } = ground
    const first = exchange(store, [user('Hello')], 'Hi!')
    expect(first).toMatchObject({ match: 'new', knownMessages: 0 })
    const second = exchange(store, [user('Hello'), assistant('Hi!'), user('More')], 'Sure', { atMs: 2_000 })
    expect(second).toMatchObject({ match: 'continued', knownMessages: 2, conversationId: first.conversationId })
    expect(await textsOf(store, first.conversationId)).toEqual(['Hello', 'Hi!', 'More', 'Sure'])
    expect(store.totals()).toMatchObject({ conversations: 1, messages: 4 })
    expect((await stat(ground.path)).mode & 0o777).toBe(0o600)
  })

  test('may change white space, line ends, ids and the order of keys', async () => {
    await using ground = await Ground.make()
    const { store } = ground
    const call = { id: 'call_1', name: 'add', arguments: '{"a":1,"b":2}' }
    const begun = store.begin(turn([user('one\r\nand two ')]))
    const answer: ChatMessage = { role: 'assistant', content: '', toolCalls: [call], reasoning: 'they want a sum' }
    store.finish(begun, { message: answer, modelId: 'tiny', outcome: 'ok', atMs: 1_000 })
    const sentAgain: ChatMessage[] = [
      user('one\nand two'),
      { role: 'assistant', content: '', toolCalls: [{ id: 'x', name: 'add', arguments: '{ "b": 2.0, "a": 1 }' }] },
      { role: 'tool', content: '3', toolCallId: 'x' },
    ]
    const second = exchange(store, sentAgain, 'It is 3.')
    expect(second).toMatchObject({ match: 'continued', knownMessages: 2 })
    const { messages } = await store.get(begun.conversationId)
    expect(messages[0]?.content).toBe('one\r\nand two ')
    expect(messages[1]).toEqual({ ...answer, atMs: 1_000, modelId: 'tiny', outcome: 'ok' })
    expect(messages[2]).toMatchObject({ role: 'tool', content: '3', toolCallId: 'x' })
  })

  test('may send another system prompt each time: the newest is kept', async () => {
    await using ground = await Ground.make()
    const { store } = ground
    const first = exchange(store, [system('billing: 17\nYou help.'), user('Hello')], 'Hi!')
    const history = [
      system('billing: 18\nYou help.'),
      user('Hello'),
      assistant('Hi!'),
      system('It is noon.'),
      user('x'),
    ]
    const second = exchange(store, history, 'y')
    expect(second).toMatchObject({ match: 'continued', knownMessages: 2, conversationId: first.conversationId })
    const kept = await store.get(first.conversationId)
    expect(kept.system).toBe('billing: 18\nYou help.\n\nIt is noon.')
    expect(kept.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user', 'assistant'])
  })

  test('may ask again what was not answered', async () => {
    await using ground = await Ground.make()
    const { store } = ground
    const first = store.begin(turn([user('Hello')]))
    const again = store.begin(turn([user('Hello')], { atMs: 2_000 }))
    expect(again).toEqual({ ...first, match: 'continued', knownMessages: 1 })
    store.finish(again, { message: assistant('Hi!'), modelId: 'tiny', outcome: 'ok', atMs: 2_000 })
    store.finish(first, { message: assistant('Ho!'), modelId: 'tiny', outcome: 'ok', atMs: 3_000 })
    const all = await store.list({ limit: 10 })
    expect(all.map(({ parentId }) => parentId)).toEqual([first.conversationId, null])
    expect(await Promise.all(all.map(({ id }) => textsOf(store, id)))).toEqual([
      ['Hello', 'Ho!'],
      ['Hello', 'Hi!'],
    ])
  })
})

test('two keys with the same opening never share', async () => {
  await using ground = await Ground.make()
  const { store } = ground
  const owners = [KEY_A, KEY_B, 'local']
  const begun = owners.map((owner) => exchange(store, [user('Hello')], 'Hi!', { owner }))
  expect(begun.map(({ match }) => match)).toEqual(['new', 'new', 'new'])
  expect(store.totals()).toMatchObject({ conversations: 3, messages: 6 })
  const next = exchange(store, [user('Hello'), assistant('Hi!'), user('I am B')], 'b', { owner: KEY_B })
  expect(next.conversationId).toBe(begun[1]?.conversationId)
  expect(await textsOf(store, begun[0]?.conversationId ?? '')).toEqual(['Hello', 'Hi!'])
  await store.delete(next.conversationId)
  expect(store.totals()).toMatchObject({ conversations: 2, messages: 4 })
})

describe('branches', () => {
  const opening = [user('Hello'), assistant('Hi!')]
  const whole = [...opening, user('More'), assistant('Sure'), user('Last')]

  async function talked(): Promise<Ground & { readonly id: string }> {
    const ground = await Ground.make()
    exchange(ground.store, [user('Hello')], 'Hi!')
    exchange(ground.store, whole.slice(0, 3), 'Sure')
    const { conversationId: id } = exchange(ground.store, whole, 'Bye')
    return Object.assign(ground, { id })
  }

  test('an edited turn goes on beside what was', async () => {
    await using ground = await talked()
    const { store, id } = ground
    const edited = exchange(store, [...opening, user('Less')], 'Fine', { atMs: 2_000 })
    expect(edited).toMatchObject({ match: 'branch', knownMessages: 2 })
    expect((await store.get(edited.conversationId)).parentId).toBe(id)
    expect(await textsOf(store, edited.conversationId)).toEqual(['Hello', 'Hi!', 'Less', 'Fine'])
    expect(await textsOf(store, id)).toEqual(['Hello', 'Hi!', 'More', 'Sure', 'Last', 'Bye'])
    expect(store.totals()).toMatchObject({ conversations: 2, messages: 8 })
  })

  test('a turn that was taken out never comes back', async () => {
    await using ground = await talked()
    const shorter = exchange(ground.store, [user('Hello'), user('Last')], 'Bye')
    expect(shorter).toMatchObject({ match: 'branch', knownMessages: 1 })
    expect(await textsOf(ground.store, shorter.conversationId)).toEqual(['Hello', 'Last', 'Bye'])
    const withoutFirst = exchange(ground.store, whole.slice(2), 'Bye')
    expect(withoutFirst).toMatchObject({ match: 'new', knownMessages: 0 })
  })

  test('an answer that is generated again stands beside the first one', async () => {
    await using ground = await talked()
    const again = exchange(ground.store, whole, 'See you')
    expect(again).toMatchObject({ match: 'branch', knownMessages: 5 })
    const onward = exchange(ground.store, [...whole, assistant('See you'), user('!')], '?')
    expect(onward).toMatchObject({ match: 'continued', conversationId: again.conversationId })
  })

  test('two clients that append at once both keep their text', async () => {
    await using ground = await talked()
    const { store, id } = ground
    const history = [...whole, assistant('Bye')]
    const one = store.begin(turn([...history, user('from one')]))
    const two = store.begin(turn([...history, user('from two')]))
    expect([one.match, two.match]).toEqual(['continued', 'branch'])
    store.finish(two, { message: assistant('to two'), modelId: 'tiny', outcome: 'ok', atMs: 1_000 })
    store.finish(one, { message: assistant('to one'), modelId: 'tiny', outcome: 'ok', atMs: 1_000 })
    expect((await textsOf(store, id)).slice(-2)).toEqual(['from one', 'to one'])
    expect((await textsOf(store, two.conversationId)).slice(-2)).toEqual(['from two', 'to two'])
  })

  test('outlive the conversation they came from', async () => {
    await using ground = await talked()
    const edited = exchange(ground.store, [...opening, user('Less')], 'Fine')
    await ground.store.delete(ground.id)
    const kept = await ground.store.get(edited.conversationId)
    expect(kept).toMatchObject({ parentId: null, title: 'Hello', messageCount: 4, bytes: 16 })
    expect(ground.store.totals()).toMatchObject({ conversations: 1, messages: 4 })
  })
})

describe('answers', () => {
  test('that broke off are kept as far as they came, empty ones are not', async () => {
    await using ground = await Ground.make()
    const { store } = ground
    const begun = exchange(store, [user('Hello')], 'Hi, I w', { outcome: 'request-cancelled' })
    const empty = exchange(store, [user('Other')], '', { outcome: 'engine-lost' })
    const silent = exchange(store, [user('Third')], '')
    const { messages } = await store.get(begun.conversationId)
    expect(messages[1]).toMatchObject({ content: 'Hi, I w', outcome: 'request-cancelled', modelId: 'tiny' })
    expect(await textsOf(store, empty.conversationId)).toEqual(['Other'])
    expect(await textsOf(store, silent.conversationId)).toEqual(['Third', ''])
  })

  test('of a conversation deleted meanwhile are not kept, not even when it begins again', async () => {
    await using ground = await Ground.make()
    const { store } = ground
    const answer = { message: assistant('Hi!'), modelId: 'tiny', outcome: 'ok', atMs: 1_000 } as const
    const begun = store.begin(turn([user('Hello')], { explicitId: 'mine' }))
    await store.delete(begun.conversationId)
    store.finish(begun, answer)
    expect(store.totals()).toEqual({ conversations: 0, messages: 0, bytes: 0 })
    store.begin(turn([user('Hello')], { explicitId: 'mine' }))
    store.finish(begun, answer)
    expect(await textsOf(store, begun.conversationId)).toEqual(['Hello'])
  })

  test('models are remembered in the order in which they were asked', async () => {
    await using ground = await Ground.make()
    const { store } = ground
    const { conversationId } = exchange(store, [user('1')], '2', { modelId: 'small', atMs: 10 })
    const history = [user('1'), assistant('2'), user('3')]
    exchange(store, history, '4', { modelId: 'large', atMs: 20 })
    exchange(store, [...history, assistant('4'), user('5')], '6', { modelId: 'large', atMs: 30 })
    const kept = await store.get(conversationId)
    expect(kept.modelHistory).toEqual([
      { modelId: 'small', fromMs: 10 },
      { modelId: 'large', fromMs: 20 },
    ])
    expect(kept).toMatchObject({ modelId: 'large', createdAtMs: 10, updatedAtMs: 30 })
  })

  test('to a request without any message of a person', async () => {
    await using ground = await Ground.make()
    const { store } = ground
    const begun = exchange(store, [system('Say hello.')], 'Hello')
    expect(begun).toMatchObject({ match: 'new', nodeId: 0 })
    expect(await store.get(begun.conversationId)).toMatchObject({ title: '', system: 'Say hello.', messageCount: 1 })
    const next = exchange(store, [system('Say hello.'), assistant('Hello'), user('Again')], 'Hello')
    expect(next).toMatchObject({ match: 'continued', conversationId: begun.conversationId })
    expect(await store.get(begun.conversationId)).toMatchObject({ title: 'Again' })
  })
})

describe('what is told of a conversation', () => {
  test('the title is one short line', async () => {
    await using ground = await Ground.make()
    const { store } = ground
    const ids = [`\n  a\t\u0000b\nc`, '👩'.repeat(200), 'x'.repeat(80)].map(
      (text) => exchange(store, [user(text)], 'ok').conversationId,
    )
    const titles = await Promise.all(ids.map(async (id) => (await store.get(id)).title))
    expect(titles).toEqual(['a b c', `${'👩'.repeat(79)}…`, 'x'.repeat(80)])
  })

  test('the list begins with the one last used and can be read on', async () => {
    await using ground = await Ground.make()
    const { store } = ground
    for (const atMs of [1, 2, 3]) exchange(store, [user(`at ${atMs}`)], 'ok', { atMs })
    const titles = async (query: { limit: number; beforeMs?: number }): Promise<readonly string[]> =>
      (await store.list(query)).map(({ title }) => title)
    expect(await titles({ limit: 2 })).toEqual(['at 3', 'at 2'])
    expect(await titles({ limit: 2, beforeMs: 2 })).toEqual(['at 1'])
    expect(await titles({ limit: 0 })).toEqual([])
  })

  test('the state of compaction comes back as it was', async () => {
    await using ground = await Ground.make()
    const { store } = ground
    const { conversationId: id } = exchange(store, [user('Hello')], 'Hi!')
    expect((await store.get(id)).compaction).toBe(null)
    store.setCompaction(id, { summary: 'They greet.', upTo: 2 })
    expect((await store.get(id)).compaction).toEqual({ summary: 'They greet.', upTo: 2 })
    store.setCompaction(id, null)
    expect((await store.get(id)).compaction).toBe(null)
  })

  test('what is not there is said so', async () => {
    await using ground = await Ground.make()
    const gone = expect.objectContaining({ reason: 'conversation-not-found' })
    await expect(ground.store.get('conv_0')).rejects.toEqual(gone)
    await expect(ground.store.delete('conv_0')).rejects.toEqual(gone)
    expect(() => ground.store.setCompaction('conv_0', {})).toThrow(gone)
  })

  test('matching alone stores nothing', async () => {
    await using ground = await Ground.make()
    const { store } = ground
    const { conversationId } = exchange(store, [user('Hello')], 'Hi!')
    const before = store.totals()
    const history = [user('Hello'), assistant('Hi!'), user('More')]
    expect(store.match(turn(history))).toEqual({ match: 'continued', knownMessages: 2, conversationId })
    expect(store.match(turn([user('Hello'), user('?')]))).toEqual({ match: 'branch', knownMessages: 1 })
    expect(store.match(turn([user('?')]))).toEqual({ match: 'new', knownMessages: 0 })
    expect(store.totals()).toEqual(before)
  })
})

test('a message of 1 MB and a request of 10,000 messages are taken', async () => {
  await using ground = await Ground.make()
  const { store } = ground
  const large = exchange(store, [user('é'.repeat(500_000))], 'ok')
  expect((await store.get(large.conversationId)).bytes).toBe(1_000_002)
  const many = Array.from({ length: 10_000 }, (_, index) => user(`message ${index}`))
  const { conversationId } = exchange(store, many, 'ok')
  const next = exchange(store, [...many, assistant('ok'), user('more')], 'ok')
  expect(next).toMatchObject({ match: 'continued', knownMessages: 10_001, conversationId })
  expect((await store.get(conversationId)).messages).toHaveLength(10_003)
})

test('a request of 10,000 messages is found with few lookups', async () => {
  await using ground = await Ground.make()
  const { store } = ground
  const many = Array.from({ length: 10_000 }, (_, index) => user(`message ${index}`))
  store.begin(turn(many.slice(0, -1)))
  const lookups = vi.spyOn(MessageTree.prototype, 'find')
  expect(store.match(turn(many))).toMatchObject({ match: 'continued', knownMessages: 9_999 })
  const { length } = lookups.mock.calls
  lookups.mockRestore()
  expect(length).toBeLessThanOrEqual(14)
})
