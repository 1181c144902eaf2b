import { describe, expect, test } from 'vitest'
import { decided, finished, ids, JournalGround, START_MS, unloaded } from '../../test/support/journal-ground.ts'
import type { JournalStore } from './journal-store.ts'

describe('queries', () => {
  test('by model: the newest ones, oldest first', async () => {
    await using ground = await JournalGround.make()
    const store = await ground.open()
    for (let id = 1; id <= 9; id++) store.note(decided(id, { modelId: id % 2 === 0 ? 'even' : 'odd' }))
    expect(await ids(store, 'odd', 3)).toEqual([5, 7, 9])
    expect(await ids(store, 'nobody')).toEqual([])
    expect(await ids(store, undefined, 2)).toEqual([8, 9])
    expect(await ids(store, undefined, 0)).toEqual([])
  })

  /** Minutes are those of the decisions; ids rise. */
  async function busyMinutes(ground: JournalGround): Promise<JournalStore> {
    const store = await ground.open()
    const at = (minutes: number): number => START_MS + minutes * 60_000
    store.note(decided(1, { atMs: at(0), decision: 'wait', requestId: 'req_1' }))
    store.note(decided(2, { atMs: at(8.9) }))
    store.note(decided(3, { atMs: at(9), modelId: 'other' }))
    store.note(decided(4, { atMs: at(9) }))
    store.note(decided(5, { atMs: at(10), decision: 'grant', requestId: 'req_1' }))
    store.note(unloaded(6))
    store.note(decided(7, { atMs: at(11) }))
    store.note(decided(8, { atMs: at(11.1) }))
    store.note({ ...finished(9, { requestId: 'req_1' }), atMs: at(12) })
    return store
  }

  test.each([
    ['a decision: its request, and its model within a minute', 5, 10, [1, 4, 5, 7]],
    ['an event that is no decision: the last decision before it', 6, 10, [1, 4, 5, 7]],
    ['the end of a request', 9, 10, [1, 5, 7, 8]],
    ['the decision itself comes first when there is room for one', 5, 1, [5]],
    ['then those of its request', 5, 2, [1, 5]],
    ['an event that never was', 10, 10, []],
    ['one before everything that is kept', 0, 10, []],
  ])('by event: %s', async (_, eventId, limit, found) => {
    await using ground = await JournalGround.make()
    const store = await busyMinutes(ground)
    expect((await store.decisions({ eventId, limit })).map((decision) => decision.eventId)).toEqual(found)
  })

  test('requests come in pages', async () => {
    await using ground = await JournalGround.make()
    const store = await ground.open()
    for (const id of [3, 5, 8]) store.note(finished(id))
    const page = async (afterEventId: number): Promise<number[]> =>
      (await store.requests({ afterEventId, limit: 2 })).map(({ eventId }) => eventId)
    expect(await page(0)).toEqual([3, 5])
    expect(await page(5)).toEqual([8])
    expect(await page(8)).toEqual([])
  })

  test('none of them walks through a whole table', async () => {
    await using ground = await JournalGround.make()
    await ground.open()
    using beside = await ground.beside()
    const plans = [
      "SELECT * FROM decision WHERE model_id = 'a' AND event_id <= 5 ORDER BY event_id DESC LIMIT 5",
      "SELECT * FROM decision WHERE model_id = 'a' AND event_id > 5 ORDER BY event_id LIMIT 5",
      "SELECT * FROM decision WHERE request_id = 'r' ORDER BY event_id DESC LIMIT 5",
      'SELECT * FROM request WHERE event_id > 5 ORDER BY event_id LIMIT 5',
    ].flatMap((sql) => beside.statement(`EXPLAIN QUERY PLAN ${sql}`).all())
    const steps = plans.map((step) => String(step['detail']))
    expect(steps.filter((step) => !step.startsWith('SEARCH'))).toEqual([])
  })
})
