import { readFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { assistant, exchange, faultsIn, textsOf, turn, user } from '../../test/support/conversations.ts'
import { TemporaryFolder } from '../../test/support/system-ground.ts'
import type { NewResponse } from '../spec/stored-responses.ts'
import { StateDatabase } from '../system/state-database.ts'
import { DEFAULT_CONVERSATION_LIMITS } from './conversation-limits.ts'
import { MIGRATIONS } from './conversation-schema.ts'
import { ConversationStore } from './conversation-store.ts'

let folder: TemporaryFolder
let store: ConversationStore
let path: string

beforeEach(async () => {
  folder = await TemporaryFolder.make()
  path = folder.at('conversations.db')
  store = await ConversationStore.open({ path })
})

afterEach(async () => {
  store.close()
  expect(await faultsIn(path)).toEqual([])
  await folder[Symbol.asyncDispose]()
})

function response(id: string, conversationId: string, more: Partial<NewResponse> = {}): NewResponse {
  const input = [{ type: 'message', role: 'user', content: `asked ${id}` }]
  return {
    id,
    conversationId,
    previousId: null,
    owner: 'local',
    input,
    response: { id, said: 'yes' },
    atMs: 1,
    ...more,
  }
}

/** A conversation of its own, with one answer. */
function conversation(text: string, atMs = 1_000): string {
  return exchange(store, [user(text)], `to ${text}`, { atMs }).conversationId
}

function idsOf(id: string, owner = 'local'): readonly string[] {
  return store.responses.chain(owner, id).map((each) => each.id)
}

describe('keeping', () => {
  test('what was kept is there after the file was closed and opened', async () => {
    const kept = response('one', conversation('a'))
    expect(store.responses.keep(kept)).toBe(true)
    store.close()
    store = await ConversationStore.open({ path })
    const { id, previousId, input, response: given } = kept
    expect(store.responses.find('local', 'one')).toEqual({ id, previousId, input, response: given })
  })

  test('another owner finds nothing, deletes nothing and keeps nothing in a conversation that is not theirs', () => {
    const here = conversation('a')
    store.responses.keep(response('one', here))
    expect(store.responses.find('other', 'one')).toBeUndefined()
    expect(store.responses.chain('other', 'one')).toEqual([])
    expect(store.responses.delete('other', 'one')).toBe(false)
    expect(store.responses.keep(response('two', here, { owner: 'other' }))).toBe(false)
    expect(store.responses.find('local', 'one')).toBeDefined()
    expect(store.responses.find('other', 'two')).toBeUndefined()
  })

  test('nothing is kept of a conversation that was deleted meanwhile', async () => {
    const here = conversation('a')
    await store.delete(here)
    expect(store.responses.keep(response('one', here))).toBe(false)
    expect(store.responses.find('local', 'one')).toBeUndefined()
  })
})

describe('a chain', () => {
  test('comes oldest first, whatever else was kept between', () => {
    const here = conversation('a')
    store.responses.keep(response('one', here))
    store.responses.keep(response('aside', here))
    store.responses.keep(response('two', here, { previousId: 'one' }))
    store.responses.keep(response('three', here, { previousId: 'two' }))
    store.responses.keep(response('fork', here, { previousId: 'one' }))
    expect(idsOf('three')).toEqual(['one', 'two', 'three'])
    expect(idsOf('fork')).toEqual(['one', 'fork'])
    expect(idsOf('none')).toEqual([])
  })

  test('names the one that is missing, and leads to nobody else’s', () => {
    const [mine, theirs] = [conversation('a'), exchange(store, [user('b')], 'c', { owner: 'other' }).conversationId]
    store.responses.keep(response('theirs', theirs, { owner: 'other' }))
    store.responses.keep(response('mine', mine, { previousId: 'theirs' }))
    expect(store.responses.chain('local', 'mine')).toMatchObject([{ id: 'mine', previousId: 'theirs' }])
  })
})

describe('what goes', () => {
  test('with its conversation, whoever removes it', async () => {
    const [a, b] = [conversation('a'), conversation('b')]
    store.responses.keep(response('one', a))
    store.responses.keep(response('two', b))
    await store.delete(a)
    expect([store.responses.find('local', 'one'), store.responses.find('local', 'two')?.id]).toEqual([undefined, 'two'])
    await store.deleteAll()
    expect(store.responses.find('local', 'two')).toBeUndefined()
    expect(store.totals()).toEqual({ conversations: 0, messages: 0, bytes: 0 })
  })

  test('a conversation that grew too old takes them along', async () => {
    store.setLimits({ ...DEFAULT_CONVERSATION_LIMITS, maxAgeMs: 100 })
    store.responses.keep(response('one', conversation('a', 1_000)))
    await store.sweep(1_100)
    expect(store.responses.find('local', 'one')).toBeDefined()
    await store.sweep(1_101)
    expect(store.responses.find('local', 'one')).toBeUndefined()
  })

  test('the tail that a client left and came back to hands its responses on', async () => {
    const named = { explicitId: 'n' }
    const [first, second] = [user('a'), user('c')]
    exchange(store, [first], 'b', named)
    const longer = exchange(store, [first, assistant('b'), second], 'd', named)
    exchange(store, [first], 'other', named)
    const { conversationId: tail } = (await store.list({ limit: 9 }))
      .map(({ id }) => ({ conversationId: id }))
      .find(({ conversationId }) => conversationId !== longer.conversationId) ?? { conversationId: '' }
    expect(store.responses.keep(response('one', tail))).toBe(true)
    store.begin(turn([first, assistant('b'), second, assistant('d'), user('e')], named))
    expect((await store.list({ limit: 9 })).map(({ id }) => id)).not.toContain(tail)
    expect(store.responses.find('local', 'one')).toBeDefined()
  })

  test('the text of a deleted one is nowhere in the files', async () => {
    const here = exchange(store, [user('a')], 'b', { explicitId: 'named' }).conversationId
    for (let n = 0; n < 200; n++) {
      const input = [{ content: `${n === 77 ? 'SECRET' : 'plain'}-${n} `.repeat(n) }]
      store.responses.keep(response(`r${n}`, here, { input }))
    }
    expect(store.responses.delete('local', 'r77')).toBe(true)
    expect(store.responses.delete('local', 'r77')).toBe(false)
    for (const suffix of ['', '-wal']) expect((await readFile(path + suffix)).includes('SECRET')).toBe(false)
    expect((await readFile(path)).includes('plain-78')).toBe(true)
  })

  test('with the last of its responses an unnamed conversation goes, a named one stays', async () => {
    const unnamed = conversation('a')
    const named = exchange(store, [user('b')], 'to b', { explicitId: 'n' }).conversationId
    store.responses.keep(response('one', unnamed))
    store.responses.keep(response('two', unnamed))
    store.responses.keep(response('three', named))
    store.responses.delete('local', 'one')
    expect(await textsOf(store, unnamed)).toEqual(['a', 'to a'])
    store.responses.delete('local', 'two')
    store.responses.delete('local', 'three')
    expect((await store.list({ limit: 9 })).map(({ id }) => id)).toEqual([named])
  })
})

describe('limits', () => {
  test.each([
    [3, 2],
    [3, 3],
    [3, 4],
  ])('of %i responses, %i were given', (most, given) => {
    store.setLimits({ ...DEFAULT_CONVERSATION_LIMITS, maxConversations: most })
    const here = conversation('a')
    const ids = Array.from({ length: given }, (_, n) => `r${n}`)
    for (const id of ids) store.responses.keep(response(id, here))
    expect(ids.filter((id) => store.responses.find('local', id))).toEqual(ids.slice(-most))
  })

  test('bytes count with those of the conversations, and other conversations go first', async () => {
    const [old, here] = [conversation('old', 1_000), conversation('here', 2_000)]
    store.responses.keep(response('old', old))
    store.responses.keep(response('first', here, { atMs: 2_000 }))
    const { bytes } = store.totals()
    const last = response('later', here, { atMs: 2_000 })
    const lastBytes =
      Buffer.byteLength(JSON.stringify(last.input)) + Buffer.byteLength(JSON.stringify(last.response)) + 300
    store.setLimits({ ...DEFAULT_CONVERSATION_LIMITS, maxBytes: bytes + lastBytes })
    store.responses.keep(last)
    expect(idsThere()).toEqual(['old', 'first', 'later'])
    store.setLimits({ ...DEFAULT_CONVERSATION_LIMITS, maxBytes: store.totals().bytes - 1 })
    store.responses.keep(response('again', here, { atMs: 2_000 }))
    expect(idsThere()).toEqual(['first', 'later', 'again'])
    expect((await store.list({ limit: 9 })).map(({ id }) => id)).toEqual([here])
    store.setLimits({ ...DEFAULT_CONVERSATION_LIMITS, maxBytes: store.totals().bytes - 1 })
    store.responses.keep(response('newest', here, { atMs: 2_000 }))
    expect(idsThere()).toEqual(['again', 'newest'])
  })

  function idsThere(): readonly string[] {
    const ids = ['old', 'first', 'later', 'again', 'newest']
    return ids.filter((id) => store.responses.find('local', id))
  }
})

test('a file that was made before responses were kept is taken over as it is', async () => {
  const older = folder.at('older.db')
  const database = await StateDatabase.open({ path: older, migrations: MIGRATIONS.slice(0, 1) })
  database
    .statement('INSERT INTO node (hash, depth, bytes, path_bytes, at_ms, role, content) VALUES (?, 1, 1, 1, 1, ?, ?)')
    .run(...[new Uint8Array(32), 'user', 'a'])
  const sql = `INSERT INTO conversation (id, owner, is_named, is_tail, head, model, model_history, created_ms, updated_ms)
    VALUES ('conv_1', 'local', 0, 0, 1, 'tiny', '[]', 1, 1)`
  database.statement(sql).run()
  database.close()
  using taken = await ConversationStore.open({ path: older })
  expect(await textsOf(taken, 'conv_1')).toEqual(['a'])
  expect(taken.responses.keep(response('one', 'conv_1'))).toBe(true)
  expect(await faultsIn(older)).toEqual([])
})
