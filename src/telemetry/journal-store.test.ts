import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { decided, finished, ids, JournalGround, START_MS, unloaded, WIDE } from '../../test/support/journal-ground.ts'
import { JournalStore } from './journal-store.ts'

describe('what is kept', () => {
  test('decisions and requests come back as they were, after a restart too', async () => {
    await using ground = await JournalGround.make()
    const first = await ground.open()
    const inputs = { addedBytes: 5, footprintSource: 'measured', isLast: true }
    first.note(decided(1, { decision: 'evict', requestId: 'req_1', reason: 'evicted', inputs }))
    first.note(unloaded(2))
    first.note(finished(3, { firstTextMs: null, outcome: 'queue-timeout' }))
    first.note({ id: 4, type: 'decided', atMs: 9, data: { atMs: 9, decision: 'slept', inputs: { gapMs: 1 } } })
    first.close()
    const second = await ground.open()
    expect(await second.decisions({ limit: 10 })).toEqual([
      {
        eventId: 1,
        atMs: START_MS + 1,
        decision: 'evict',
        modelId: 'a',
        requestId: 'req_1',
        reason: 'evicted',
        inputs,
      },
      { eventId: 4, atMs: 9, decision: 'slept', inputs: { gapMs: 1 } },
    ])
    const { data } = finished(3, { firstTextMs: null, outcome: 'queue-timeout' })
    expect(await second.requests({ limit: 10 })).toEqual([{ ...data, eventId: 3, endedAtMs: START_MS + 3 }])
  })

  test('what came from disk is kept with its request, measured or not', async () => {
    await using ground = await JournalGround.make()
    const store = await ground.open()
    const gains = [
      { tokens: 5_999, restoreMs: 300, savedMs: 101_000 },
      { tokens: 1, restoreMs: 0, savedMs: null },
    ]
    gains.forEach((restored, index) => store.note(finished(index + 1, { restored })))
    store.note(finished(3))
    const requests = await store.requests({ limit: 10 })
    expect(requests.map(({ restored }) => restored)).toEqual([...gains, undefined])
  })

  test('a row of an id that is taken is lost, and the older one stays', async () => {
    await using ground = await JournalGround.make()
    const store = await ground.open()
    store.note(decided(1, { modelId: 'first' }))
    store.note(decided(1, { modelId: 'second' }))
    expect(await ids(store, 'first')).toEqual([1])
    expect(await ids(store, 'second')).toEqual([])
    expect(store.lostRows).toBe(1)
  })

  test('nothing is noted after the end', async () => {
    await using ground = await JournalGround.make()
    const store = await ground.open()
    store.close()
    store.note(decided(1))
    store.close()
    expect(await ids(await ground.open())).toEqual([])
  })
})

describe('writing', () => {
  async function written(ground: JournalGround): Promise<number> {
    using beside = await ground.beside()
    return Number(beside.statement('SELECT COUNT(*) AS n FROM decision').get()?.['n'])
  }

  test('rows are on disk 250 ms after they were noted, not before', async () => {
    await using ground = await JournalGround.make()
    const store = await ground.open()
    store.note(decided(1))
    await ground.clock.advanceTo(START_MS + 200)
    store.note(decided(2))
    await ground.clock.advanceTo(START_MS + 249)
    expect(await written(ground)).toBe(0)
    await ground.clock.advanceTo(START_MS + 250)
    expect(await written(ground)).toBe(2)
  })

  test.each([
    [99, 0],
    [100, 100],
    [101, 100],
  ])('of %i rows at once %i are written at once', async (noted, onDisk) => {
    await using ground = await JournalGround.make()
    const store = await ground.open()
    for (let id = 1; id <= noted; id++) store.note(decided(id))
    expect(await written(ground)).toBe(onDisk)
  })

  test('what was flushed survives kill -9', { timeout: 60_000 }, async () => {
    await using ground = await JournalGround.make()
    const url = (name: string): string => JSON.stringify(new URL(name, import.meta.url).href)
    const script = `
      const { JournalStore } = await import(${url('journal-store.ts')})
      const { SystemClock } = await import(${url('../system/system-clock.ts')})
      const fail = (error) => { throw error }
      const limits = { maxRows: 100_000, maxAgeMs: Infinity }
      const options = { limits, clock: new SystemClock(), onFault: fail, onSetAside: fail }
      const store = await JournalStore.open({ path: ${JSON.stringify(ground.path)}, ...options })
      for (let id = 1; ; id++) {
        store.note({ id, type: 'decided', atMs: id, data: { atMs: id, decision: 'pin', inputs: {} } })
        if (id % 7 === 0) {
          store.flush()
          process.stdout.write(id + '\\n')
        }
        if (id % 50 === 0) await new Promise(setImmediate)
      }`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let said = ''
    for await (const part of child.stdout) {
      said += String(part)
      if (said.split('\n').length > 60) child.kill('SIGKILL')
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    const acknowledged = Number(said.trimEnd().split('\n').at(-1))
    expect(acknowledged).toBeGreaterThan(0)
    const store = await ground.open()
    const last = (await ids(store, undefined, 1))[0] ?? 0
    expect(last).toBeGreaterThanOrEqual(acknowledged)
    expect(store.lastEventId()).toBeGreaterThanOrEqual(last)
  })
})

describe('numbering', () => {
  test('goes on after a clean end where it stopped, and events that are not kept count', async () => {
    await using ground = await JournalGround.make()
    const first = await ground.open()
    expect(first.lastEventId()).toBe(0)
    first.note(decided(1))
    first.note(unloaded(2))
    first.close()
    const second = await ground.open()
    expect(second.lastEventId()).toBe(2)
    second.note(unloaded(3))
    second.close()
    expect((await ground.open()).lastEventId()).toBe(3)
  })

  test('after a kill no id is given twice', async () => {
    await using ground = await JournalGround.make()
    const killed = await ground.open()
    const foundAfter = new Map<number, number>()
    for (let id = 1; id <= 1_002; id++) {
      killed.note(unloaded(id))
      if ([1, 1_001, 1_002].includes(id)) foundAfter.set(id, (await ground.open()).lastEventId())
    }
    expect([...foundAfter]).toEqual([
      [1, 1_001],
      [1_001, 1_001],
      [1_002, 2_002],
    ])
  })

  test('whoever only reads sets nothing aside', async () => {
    await using ground = await JournalGround.make()
    const reader = await ground.open()
    await reader.decisions({ limit: 1 })
    reader.close()
    expect((await ground.open()).lastEventId()).toBe(0)
  })
})

describe('limits', () => {
  test.each([
    [4, [1, 2, 3, 4]],
    [5, [1, 2, 3, 4, 5]],
    [6, [2, 3, 4, 5, 6]],
  ])('%i rows where 5 are allowed', async (noted, kept) => {
    await using ground = await JournalGround.make()
    const store = await ground.open({ ...WIDE, maxRows: 5 })
    for (let id = 1; id <= noted; id++) {
      store.note(decided(id))
      store.note(finished(1_000 + id))
    }
    expect(await ids(store)).toEqual(kept)
    const requests = await store.requests({ limit: 100 })
    expect(requests.map(({ eventId }) => eventId - 1_000)).toEqual(kept)
  })

  test('rows that were there before count', async () => {
    await using ground = await JournalGround.make()
    const first = await ground.open()
    for (let id = 1; id <= 8; id++) first.note(decided(id))
    first.close()
    const second = await ground.open({ ...WIDE, maxRows: 3 })
    second.note(decided(9))
    expect(await ids(second)).toEqual([7, 8, 9])
  })

  test('a row goes when it is older than allowed, not before, even when nothing else happens', async () => {
    await using ground = await JournalGround.make()
    const dayMs = 86_400_000
    const store = await ground.open({ ...WIDE, maxAgeMs: dayMs })
    store.note(decided(1, { atMs: START_MS }))
    await ground.clock.advanceTo(START_MS + dayMs)
    store.note(unloaded(2))
    await ground.clock.advanceTo(START_MS + dayMs + 240)
    store.setLimits({ ...WIDE, maxAgeMs: dayMs + 250 })
    await ground.clock.advanceTo(START_MS + dayMs + 250)
    expect(await ids(store)).toEqual([1])
    store.setLimits({ ...WIDE, maxAgeMs: dayMs + 499 })
    await ground.clock.advanceTo(START_MS + dayMs + 500)
    expect(await ids(store)).toEqual([])
  })

  test('an idle journal looks for old rows once an hour', async () => {
    await using ground = await JournalGround.make()
    const hourMs = 3_600_000
    const store = await ground.open({ ...WIDE, maxAgeMs: hourMs })
    store.note(decided(1, { atMs: START_MS }))
    await ground.clock.advanceTo(START_MS + hourMs)
    store.note(unloaded(2))
    await ground.clock.advanceTo(START_MS + hourMs + 200)
    expect(await ids(store)).toEqual([1])
    store.note(unloaded(3))
    await ground.clock.advanceTo(START_MS + hourMs + 250)
    store.note(unloaded(4))
    await ground.clock.advanceTo(START_MS + hourMs + 500)
    expect(await ids(store)).toEqual([])
  })

  test('lowered far, they are reached in steps of 500', async () => {
    await using ground = await JournalGround.make()
    const store = await ground.open({ ...WIDE, maxRows: 2_000 })
    for (let id = 1; id <= 1_300; id++) store.note(decided(id))
    expect(await ids(store, undefined, 5_000)).toHaveLength(1_300)
    store.setLimits({ ...WIDE, maxRows: 100 })
    await ground.clock.advanceTo(START_MS + 250)
    expect(await ids(store, undefined, 5_000)).toHaveLength(800)
    await ground.clock.advanceTo(START_MS + 1_000)
    expect(await ids(store, undefined, 5_000)).toHaveLength(100)
  })
})

describe('faults', () => {
  test('a full disk costs rows, is told once, and ends by itself', async () => {
    await using ground = await JournalGround.make()
    const database = await ground.beside()
    const faults: unknown[] = []
    const onFault = (error: unknown): void => void faults.push(error)
    using store = new JournalStore(database, { limits: WIDE, clock: ground.clock, onFault })
    store.note(decided(1))
    store.flush()
    const pages = Number(database.statement('PRAGMA page_count').get()?.['page_count'])
    database.statement(`PRAGMA max_page_count=${pages}`).get()
    const big = { inputs: { text: 'x'.repeat(100_000) } }
    for (const id of [2, 3]) {
      store.note(decided(id, big))
      store.flush()
    }
    expect(faults).toEqual([expect.objectContaining({ reason: 'disk-full' })])
    expect(store.lostRows).toBe(2)
    expect(await ids(store)).toEqual([1])
    database.statement('PRAGMA max_page_count=100000').get()
    store.note(decided(4, big))
    expect(await ids(store)).toEqual([1, 4])
    expect(store.lostRows).toBe(2)
  })

  test('a database that was damaged while it was open does not throw into the publisher', async () => {
    await using ground = await JournalGround.make()
    const store = await ground.open()
    using beside = await ground.beside()
    beside.transaction(() => beside.statement('DROP TABLE decision').run())
    for (let id = 1; id <= 250; id++) store.note(decided(id))
    await ground.clock.advanceTo(START_MS + 1_000)
    expect(ground.faults).toHaveLength(1)
    expect(store.lostRows).toBe(250)
    store.note(finished(251))
    expect(await store.requests({ limit: 1 })).toHaveLength(1)
  })

  test('a file that is no database is set aside, and said so', async () => {
    await using ground = await JournalGround.make()
    await writeFile(ground.path, 'this is text, and long enough to be looked at as a header of something '.repeat(20))
    const store = await ground.open()
    store.note(decided(1))
    expect(await ids(store)).toEqual([1])
    expect(ground.setAside).toEqual([ground.path, expect.stringContaining('unreadable')])
  })
})
