import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { assistant, exchange, faultsIn, system, textsOf, turn, user } from '../../test/support/conversations.ts'
import { TemporaryFolder } from '../../test/support/system-ground.ts'
import { StateDatabase } from '../system/state-database.ts'
import { type ConversationLimits, DEFAULT_CONVERSATION_LIMITS } from './conversation-limits.ts'
import { MIGRATIONS } from './conversation-schema.ts'
import { ConversationStore } from './conversation-store.ts'

interface Ground {
  readonly store: ConversationStore
  readonly path: string
  readonly faults: unknown[]
}

async function run(limits: Partial<ConversationLimits>, check: (ground: Ground) => Promise<void>): Promise<void> {
  await using folder = await TemporaryFolder.make()
  const path = folder.at('conversations.db')
  const faults: unknown[] = []
  using store = await ConversationStore.open({
    path,
    limits: { ...DEFAULT_CONVERSATION_LIMITS, ...limits },
    onFault: (error) => faults.push(error),
  })
  await check({ store, path, faults })
  expect(await faultsIn(path)).toEqual([])
}

async function titles(store: ConversationStore): Promise<readonly string[]> {
  return (await store.list({ limit: 100 })).map(({ title }) => title)
}

describe('limits', () => {
  test('on the number of conversations: the one used longest ago goes', () =>
    run({ maxConversations: 3 }, async ({ store }) => {
      for (const atMs of [1, 2, 3]) exchange(store, [user(`${atMs}`)], 'ok', { atMs })
      expect(await titles(store)).toEqual(['3', '2', '1'])
      exchange(store, [user('1'), assistant('ok'), user('again')], 'ok', { atMs: 4 })
      exchange(store, [user('5')], 'ok', { atMs: 5 })
      expect(await titles(store)).toEqual(['5', '1', '3'])
    }))

  test('on the bytes that lie in the store, those that two share once', () =>
    run({}, async ({ store }) => {
      const text = 'x'.repeat(1_000)
      exchange(store, [user(text)], 'one', { atMs: 1 })
      exchange(store, [user(text)], 'two', { atMs: 2 })
      const { bytes } = store.totals()
      expect(bytes).toBe(1_000 + 3 + 3 + 3 * 200 + 2 * 300)
      for (const [room, kept] of [
        [1, 3],
        [0, 3],
        [-1, 2],
      ] as const) {
        const maxBytes = bytes + 300 + 2 * 200 + 2 + room
        store.setLimits({ ...DEFAULT_CONVERSATION_LIMITS, maxBytes })
        const { conversationId } = exchange(store, [user('y')], 'z', { atMs: 3 })
        expect(store.totals().conversations, `room ${room}`).toBe(kept)
        await store.delete(conversationId)
      }
      expect(store.totals().messages).toBe(2)
    }))

  test('on age, since it was last used', () =>
    run({ maxAgeMs: 100 }, async ({ store }) => {
      exchange(store, [user('old')], 'ok', { atMs: 1_000 })
      exchange(store, [user('newer')], 'ok', { atMs: 1_001 })
      expect(await store.sweep(1_099)).toBe(0)
      expect(await store.sweep(1_100)).toBe(0)
      expect(await store.sweep(1_101)).toBe(1)
      expect(await titles(store)).toEqual(['newer'])
      exchange(store, [user('newest')], 'ok', { atMs: 2_000 })
      expect(await titles(store)).toEqual(['newest'])
    }))

  test('never cost the conversation that is in use', () =>
    run({ maxBytes: 10, maxConversations: 1 }, async ({ store }) => {
      const begun = store.begin(turn([user('x'.repeat(5_000))]))
      store.finish(begun, { message: assistant('y'), modelId: 'tiny', outcome: 'ok', atMs: 1_000 })
      expect(store.totals()).toMatchObject({ conversations: 1, messages: 2 })
      expect(await store.sweep(1_000)).toBe(1)
    }))

  test('lowered at once take effect in bounded steps; a sweep goes to the end', () =>
    run({}, async ({ store }) => {
      for (let i = 0; i < 200; i++) exchange(store, [user(`${i}`)], 'ok', { atMs: i })
      store.setLimits({ ...DEFAULT_CONVERSATION_LIMITS, maxConversations: 10 })
      store.begin(turn([user('next')], { atMs: 1_000 }))
      expect(store.totals().conversations).toBe(151)
      expect(await store.sweep(1_000)).toBe(141)
      expect((await titles(store)).slice(0, 2)).toEqual(['next', '199'])
    }))

  test('removed conversations cannot be read in the files after a sweep', () =>
    run({ maxConversations: 1 }, async ({ store, path }) => {
      exchange(store, [user('a-secret-of-mine')], 'ok', { atMs: 1 })
      exchange(store, [user('next')], 'ok', { atMs: 2 })
      expect(await holds(path, 'a-secret-of-mine')).toBe(true)
      expect(await store.sweep(2)).toBe(0)
      expect(await holds(path, 'a-secret-of-mine')).toBe(false)
    }))
})

/** Whether some text stands in one of the files, as it is. */
async function holds(path: string, text: string): Promise<boolean> {
  const files = await Promise.all(['', '-wal'].map((suffix) => readFile(path + suffix)))
  return files.some((bytes) => bytes.includes(text))
}

describe('what was deleted', () => {
  test('cannot be read in any file: messages, title, prompt, reasoning, calls, compaction', () =>
    run({}, async ({ store, path, faults }) => {
      exchange(store, [user('stays')], 'ok')
      const begun = store.begin(turn([system('marker-prompt'), user('marker-user')]))
      const toolCalls = [{ id: '1', name: 'marker-name', arguments: '"marker-arguments"' }]
      const message = { ...assistant('marker-answer'), reasoning: 'marker-reasoning', toolCalls }
      store.finish(begun, { message, modelId: 'marker-model', outcome: 'ok', atMs: 1_000 })
      store.setCompaction(begun.conversationId, { summary: 'marker-summary' })
      expect(await holds(path, 'marker-')).toBe(true)
      await store.delete(begun.conversationId)
      expect(await holds(path, 'marker-')).toBe(false)
      expect(await holds(path, 'stays')).toBe(true)
      expect(faults).toEqual([])
    }))

  test('is everything, when everything is to go; the room is given back', () =>
    run({}, async ({ store, path }) => {
      for (let i = 0; i < 130; i++) exchange(store, [user(`marker-${i} ${'x'.repeat(2_000)}`)], 'ok')
      expect(await store.deleteAll()).toBe(130)
      expect(store.totals()).toEqual({ conversations: 0, messages: 0, bytes: 0 })
      expect(await holds(path, 'marker-')).toBe(false)
      expect((await readFile(path)).length).toBeLessThan(100_000)
      expect(await store.deleteAll()).toBe(0)
    }))

  test('property: of many conversations deleted in any order, nothing is left', { timeout: 60_000 }, async () => {
    const sizes = fc.array(fc.nat(3_000), { minLength: 20, maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(sizes, fc.infiniteStream(fc.nat()), (lengths, chance) =>
        run({}, async ({ store, path }) => {
          const kept = lengths.map((length, index) => {
            const marker = `marker-${index}-end`
            return { marker, id: exchange(store, [user(marker + 'x'.repeat(length))], marker).conversationId }
          })
          while (kept.length > lengths.length / 2) {
            const [gone] = kept.splice((chance.next().value as number) % kept.length, 1)
            await store.delete(gone?.id ?? '')
            expect(await holds(path, gone?.marker ?? '')).toBe(false)
          }
        }),
      ),
      { numRuns: 5 },
    )
  })
})

test('a newer schema is refused and left as it is', async () => {
  await using folder = await TemporaryFolder.make()
  const path = folder.at('conversations.db')
  using newer = await StateDatabase.open({ path, migrations: [...MIGRATIONS, 'CREATE TABLE later (id INTEGER)'] })
  newer.close()
  await expect(ConversationStore.open({ path })).rejects.toMatchObject({ reason: 'state-too-new' })
  using again = await StateDatabase.open({ path, migrations: [...MIGRATIONS, ''] })
  expect(again.statement('SELECT * FROM later').all()).toEqual([])
})

test('a file that is no database is set aside, and said so', async () => {
  await using folder = await TemporaryFolder.make()
  await folder.write('conversations.db', 'this is text, and long enough to be read as a header '.repeat(20))
  const told: string[] = []
  const path = folder.at('conversations.db')
  using store = await ConversationStore.open({ path, onSetAside: (...paths) => told.push(...paths) })
  expect(told[0]).toBe(path)
  expect(store.totals().conversations).toBe(0)
})

test('a full disk is said so; what was kept stays whole, and there is room again after a deletion', async () => {
  await using folder = await TemporaryFolder.make()
  const path = folder.at('conversations.db')
  const opened = vi.spyOn(StateDatabase, 'open')
  using store = await ConversationStore.open({ path })
  const database = (await opened.mock.results[0]?.value) as StateDatabase
  opened.mockRestore()
  const first = exchange(store, [user('x'.repeat(20_000))], 'Hi!')
  // Of one connection only: the store's own has no room any more.
  const pages = Number(database.statement('PRAGMA page_count').get()?.['page_count'])
  database.statement(`PRAGMA max_page_count=${pages}`).get()
  const full = expect.objectContaining({ reason: 'disk-full' })
  expect(() => store.begin(turn([user('y'.repeat(50_000))]))).toThrow(full)
  const long = { message: assistant('z'.repeat(50_000)), modelId: 'tiny', outcome: 'ok', atMs: 1 } as const
  expect(() => store.finish(first, long)).toThrow(full)
  expect(store.totals()).toMatchObject({ conversations: 1, messages: 2 })
  expect(await faultsIn(path)).toEqual([])
  await store.delete(first.conversationId)
  const next = exchange(store, [user('small')], 'ok')
  expect(await textsOf(store, next.conversationId)).toEqual(['small', 'ok'])
  expect(await faultsIn(path)).toEqual([])
})
