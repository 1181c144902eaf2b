import { randomBytes } from 'node:crypto'
import { copyFile, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import {
  again,
  close,
  flip,
  KEY,
  NEW,
  payloadOf,
  query,
  save,
  type Stage,
  stage,
  tearDown,
  tokens,
} from '../../test/support/kv-ground.ts'
import type { NewState } from '../spec/state-cache.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'

afterEach(tearDown)

test('what was saved is found by the longest beginning, and is what was saved', async () => {
  const { cache, folder } = await stage()
  const payload = randomBytes(9_000_000)
  const saved = await save(cache, tokens(300), {}, payload)
  expect(saved.path).toBe(join(folder, 'deepseek-r1-14b-1000000000000.cache'))
  expect((await stat(saved.path)).mode & 0o777).toBe(0o600)
  expect((await stat(folder)).mode & 0o777).toBe(0o700)
  const found = await cache.find(query(tokens(400)))
  expect(found).toMatchObject({ commonTokens: 300, payloadBytes: payload.length, entryId: saved.entryId })
  expect(Buffer.compare((await payloadOf(found)) ?? Buffer.alloc(0), payload)).toBe(0)
})

test.for([
  { what: 'other weights', more: { key: { ...KEY, weights: 'w2' } } },
  { what: 'another build', more: { key: { ...KEY, engine: 'e2' } } },
  { what: 'other slots', more: { key: { ...KEY, sequences: 4 } } },
  { what: 'another owner', more: { owner: 'somebody' } },
  { what: 'another text', more: { tokens: tokens(400, 2) } },
  { what: 'a slot that holds as much', more: { moreThanTokens: 300 } },
  { what: 'a state that would have to be cut', more: { tokens: tokens(250), mustBeWhole: true } },
])('nothing is found for $what', async ({ more }) => {
  const { cache, faults } = await stage()
  await save(cache, tokens(300))
  expect(await cache.find(query(tokens(400), more))).toBeUndefined()
  expect(faults).toEqual([])
})

test('a branch finds what it has in common; the order of a key does not matter', async () => {
  const { cache } = await stage()
  await save(cache, tokens(300))
  const branch = Uint32Array.from([...tokens(200), ...tokens(200, 9)])
  const found = await cache.find(query(branch, { key: { sequences: 1, engine: 'e1', weights: 'w1' } }))
  expect(found?.commonTokens).toBe(200)
  await found?.[Symbol.asyncDispose]()
})

test('a longer state takes the place of its own beginnings, where it can be cut', async () => {
  const { cache, folder } = await stage()
  await save(cache, tokens(300))
  await save(cache, tokens(600))
  expect(cache.list().map((entry) => entry.tokens)).toEqual([600])
  await save(cache, tokens(900), { owner: { owner: 'local', conversationId: 'c2' } })
  await save(cache, tokens(1_200), { canBeCut: false })
  expect(cache.list()).toHaveLength(3)
  expect((await readdir(folder)).filter((name) => name.endsWith('.cache'))).toHaveLength(3)
})

test('the catalog is made from the files again, with uses and totals', async () => {
  const first = await stage()
  await save(first.cache, tokens(300))
  const found = await first.cache.find(query(tokens(400)))
  await first.clock.advanceTo(first.clock.nowMs() + 5_000)
  found?.noteRestored({ tokens: 300, restoreMs: 10, savedMs: 1_500 })
  await found?.[Symbol.asyncDispose]()
  const { cache } = await again(first)
  expect(cache.list()).toMatchObject([{ tokens: 300, restores: 1, conversationId: 'c1', lastUsedAtMs: 1e12 + 5_000 }])
  expect(cache.report().totals).toMatchObject({ restores: 1, restoredTokens: 300, savedMs: 1_500, savedStates: 1 })
  expect((await payloadOf(await cache.find(query(tokens(400)))))?.length).toBe(1_000)
})

test('after a restart all of a payload is looked at once, and again when the file has changed', async () => {
  const first = await stage()
  const { path } = await save(first.cache, tokens(300))
  const { cache } = await again(first)
  await payloadOf(await cache.find(query(tokens(400))))
  const bytes = await readFile(path)
  await copyFile(path, `${path}.copy`)
  await rename(`${path}.copy`, path)
  expect((await payloadOf(await cache.find(query(tokens(400)))))?.equals(bytes.subarray(0, 1_000))).toBe(true)
})

test.for(['too-few-tokens', 'too-large', 'write-budget', 'disabled'] as const)('no place: %s', async (refused) => {
  const limits = { 'too-few-tokens': {}, 'too-large': {}, 'write-budget': {}, disabled: { isEnabled: false } }
  const { cache } = await stage({ ...limits[refused], writeBudgetBytesPerHour: 5_000 })
  const at: Record<typeof refused, [Partial<NewState>, Partial<NewState>]> = {
    'too-few-tokens': [{ tokens: 99 }, { tokens: 100 }],
    'too-large': [
      { expectedBytes: 10_000_001, reason: 'unload' },
      { expectedBytes: 10_000_000, reason: 'unload' },
    ],
    'write-budget': [{ expectedBytes: 5_001 }, { expectedBytes: 5_000 }],
    disabled: [{}, { tokens: 99 }],
  }
  const [over, within] = at[refused]
  expect(await cache.begin({ ...NEW, ...over })).toMatchObject({ refused })
  const draft = await cache.begin({ ...NEW, ...within })
  if (refused === 'disabled') expect(draft).toMatchObject({ refused })
  else if ('path' in draft) await draft.abandon()
  else expect.unreachable(draft.message)
})

test('the budget is of an hour, and the last chance does not ask for it', async () => {
  const { cache, clock } = await stage({ writeBudgetBytesPerHour: 3_000 })
  await save(cache, tokens(300))
  expect(await cache.begin({ ...NEW, expectedBytes: 2_500 })).toMatchObject({ refused: 'write-budget' })
  await save(cache, tokens(300, 2), { reason: 'shutdown' }, randomBytes(2_500))
  await clock.advanceTo(clock.nowMs() + 3_600_001)
  await save(cache, tokens(300, 3), {}, randomBytes(1_500))
})

test('the budget counts what is on its way, what was written before a restart, and is an hour at a clock that was set back', async () => {
  const first = await stage({ writeBudgetBytesPerHour: 5_000 })
  const draft = await first.cache.begin({ ...NEW, expectedBytes: 3_000 })
  expect(await first.cache.begin({ ...NEW, expectedBytes: 3_000 })).toMatchObject({ refused: 'write-budget' })
  if ('abandon' in draft) await draft.abandon()
  const { bytes } = await save(first.cache, tokens(300), {}, randomBytes(3_000))
  const { cache } = await again(first, { writeBudgetBytesPerHour: 5_000 })
  expect(cache.report().writtenLastHourBytes).toBe(bytes)
  expect(await cache.begin({ ...NEW, expectedBytes: 3_000 })).toMatchObject({ refused: 'write-budget' })
  await close(cache)
  const earlier = await stage({ writeBudgetBytesPerHour: 5_000 }, first.home, new VirtualClock(5e11))
  expect(earlier.cache.report().writtenLastHourBytes).toBe(bytes)
  await earlier.clock.advanceTo(5e11 + 3_600_001)
  await save(earlier.cache, tokens(300, 3), {}, randomBytes(3_000))
})

test('caps hold under concurrency, for what is on its way too', async () => {
  const { cache, folder } = await stage({ maxBytes: 100_000, maxEntries: 7 })
  const seen: number[] = []
  await Promise.all(
    Array.from({ length: 40 }, async (_, at) => {
      const draft = await cache.begin({
        ...NEW,
        owner: { owner: 'local', conversationId: `c${at}` },
        expectedBytes: 20_000,
      })
      if (!('path' in draft)) return
      await writeFile(draft.path, randomBytes(15_000 + at * 100))
      await draft.commit(tokens(300, at)).catch(() => undefined)
      const sizes = await Promise.all(
        (await readdir(folder)).map((name) => stat(join(folder, name)).catch(() => undefined)),
      )
      seen.push(sizes.reduce((sum, found) => sum + (found?.size ?? 0), 0))
    }),
  )
  const { bytes, entries } = cache.report()
  expect(entries).toBeGreaterThan(2)
  expect(entries).toBeLessThanOrEqual(7)
  expect(bytes).toBeLessThanOrEqual(100_000)
  // Beside entries lie the mark, the lock and the notes.
  expect(Math.max(...seen)).toBeLessThanOrEqual(100_000 + 40_000)
})

test('what is being read is not counted as free, and stays readable when it is deleted', async () => {
  const { cache } = await stage({ maxBytes: 4_000 })
  const payload = randomBytes(1_500)
  await save(cache, tokens(300), {}, payload)
  const found = await cache.find(query(tokens(400)))
  await cache.clear()
  expect(cache.report()).toMatchObject({ entries: 0 })
  expect(cache.report().bytes).toBeGreaterThan(1_500)
  expect(await cache.begin({ ...NEW, expectedBytes: 2_500 })).toMatchObject({ refused: 'disk' })
  expect((await payloadOf(found))?.equals(payload)).toBe(true)
  expect(cache.report().bytes).toBe(0)
})

test('what was rejected by the engine is never offered again', async () => {
  const { cache, faults } = await stage()
  await save(cache, tokens(300))
  const found = await cache.find(query(tokens(400)))
  await found?.reject('the engine did not reuse it')
  expect(await cache.find(query(tokens(400)))).toBeUndefined()
  expect(faults[0]?.message).toContain('the engine did not reuse it')
  expect(cache.report().totals.rejected).toBe(1)
})

test('expired entries are misses and go with prune', async () => {
  const { cache, clock } = await stage({ ttlMs: 1_000 })
  await save(cache, tokens(300))
  await clock.advanceTo(clock.nowMs() + 999)
  await payloadOf(await cache.find(query(tokens(400))))
  await clock.advanceTo(clock.nowMs() + 1)
  expect(await cache.find(query(tokens(400)))).toBeUndefined()
  expect(await cache.prune()).toMatchObject({ removed: 1 })
})

test.for([
  { form: 'encrypted', settings: { isEncrypted: true } },
  { form: 'compressed', settings: { compression: 'auto' as const } },
  { form: 'both', settings: { isEncrypted: true, compression: 'auto' as const } },
])('$form, over several chunks, and a flipped bit is found', async ({ settings }) => {
  const first = await stage(settings)
  const payload = Buffer.alloc(9_000_000, 'the same again and again; ')
  const { path, bytes } = await save(first.cache, tokens(300), {}, payload)
  if (settings.compression) expect(bytes).toBeLessThan(1_000_000)
  const clear = Buffer.from(tokens(300).buffer)
  expect((await readFile(path)).includes(clear)).toBe(!settings.isEncrypted)
  if (settings.isEncrypted) expect((await readFile(path)).includes('the same again')).toBe(false)
  const { cache, folder } = await again(first, settings)
  expect((await payloadOf(await cache.find(query(tokens(400)))))?.equals(payload)).toBe(true)
  expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([])
  await flip(() => 100)(path)
  expect(await cache.find(query(tokens(400)))).toBeUndefined()
})

test('while it is read an encrypted state has no name in clear, so that nothing of it is left by a process that is killed', async () => {
  const { cache, folder } = await stage({ isEncrypted: true })
  const payload = randomBytes(5_000)
  await save(cache, tokens(300), {}, payload)
  const found = await cache.find(query(tokens(400)))
  const named = (await readdir(folder)).filter((name) => name.endsWith('.tmp'))
  // Elsewhere engines are given a path.
  expect(named).toHaveLength(process.platform === 'linux' ? 0 : 1)
  expect((await payloadOf(found))?.equals(payload)).toBe(true)
})

test('a state that shrinks little is left as the engine wrote it', async () => {
  const { cache } = await stage({ compression: 'auto' })
  const { bytes } = await save(cache, tokens(300), {}, randomBytes(100_000))
  expect(bytes).toBeGreaterThan(100_000)
})

test('conversations that are deleted leave nothing', async () => {
  const { cache, folder } = await stage()
  await save(cache, tokens(300))
  await save(cache, tokens(300, 4), { owner: { owner: 'local', conversationId: 'c2' } })
  await cache.forgetConversations(['c1', 'c9'])
  expect(cache.list().map((entry) => entry.conversationId)).toEqual(['c2'])
  expect((await readdir(folder)).filter((name) => name.endsWith('.cache'))).toHaveLength(1)
})

test('a model that was moved to the cache is there after a restart, until it is forgotten', async () => {
  const first = await stage()
  const saved = await save(first.cache, tokens(300))
  const cached = await first.cache.cacheModel({
    modelId: 'deepseek-r1:14b',
    saved: [saved],
    priority: 'high',
    metadata: {},
  })
  expect(cached).toMatchObject({ cachePath: saved.path, entryIds: [saved.entryId], expiresAtMs: null })
  const { cache } = await again(first)
  expect(await cache.cachedModel('deepseek-r1:14b')).toEqual(cached)
  expect(cache.list()).toMatchObject([{ priority: 'high' }])
  await cache.renewCachedModel('deepseek-r1:14b', { ttlMs: 5_000, priority: 'low' })
  expect(await cache.cachedModel('deepseek-r1:14b')).toEqual({ ...cached, expiresAtMs: 1e12 + 5_000 })
  expect(cache.list()).toMatchObject([{ priority: 'low' }])
  await cache.renewCachedModel('deepseek-r1:14b', {})
  expect(await cache.cachedModel('deepseek-r1:14b')).toEqual({ ...cached, expiresAtMs: 1e12 + 5_000 })
  await cache.forgetCachedModel('deepseek-r1:14b')
  expect(await cache.cachedModel('deepseek-r1:14b')).toBeUndefined()
  expect(cache.list()).toHaveLength(1)
})

test('a model without a state has a file without a payload; ids with slashes have safe names', async () => {
  const { cache, folder } = await stage()
  const { cachePath } = await cache.cacheModel({ modelId: '../a/b:c', saved: [], metadata: { contextTokens: 8_192 } })
  expect(cachePath).toMatch(/^.*\/\.\.-a-b-c-[0-9a-f]{8}-1000000000000\.cache$/)
  expect(cachePath.startsWith(`${folder}/`)).toBe(true)
  expect(await cache.cachedModel('../a/b:c')).toMatchObject({ entryIds: [] })
  await cache.forgetCachedModel('../a/b:c')
  expect(cache.list()).toEqual([])
})

test.for([
  { found: 'expired', harm: async ({ clock }: Stage) => clock.advanceTo(clock.nowMs() + 1_000) },
  { found: 'corrupt', harm: async ({ cache }: Stage) => flip(() => 3)(cache.list()[0]?.path ?? '') },
] as const)('a model in the cache that is $found is told once', async ({ found, harm }) => {
  const ground = await stage()
  const { cache } = ground
  const saved = await save(cache, tokens(300))
  await cache.cacheModel({ modelId: 'm', saved: [saved], ttlMs: 1_000, metadata: {} })
  await harm(ground)
  expect(await cache.cachedModel('m')).toBe(found)
  expect(await cache.cachedModel('m')).toBeUndefined()
})

test('verify looks at everything, whatever was verified before', async () => {
  const { cache } = await stage()
  const { path } = await save(cache, tokens(300))
  await save(cache, tokens(300, 3), { owner: { owner: 'local' } })
  await flip(() => 1)(path)
  expect(await cache.verify()).toMatchObject({ verified: 1, corrupt: [{ path }] })
})
