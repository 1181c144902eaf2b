import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import {
  again,
  close,
  flip,
  NEW,
  payloadOf,
  query,
  save,
  SETTINGS,
  stage,
  tearDown,
  temporaryFolder,
  tokens,
} from '../../test/support/kv-ground.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import type { SaveStep } from './save-step.ts'

afterEach(tearDown)

/** Two chunks, of which the second is short. */
const PAYLOAD_BYTES = 4_194_304 + 500
const DAMAGES: readonly { what: string; harm: (path: string) => Promise<void> }[] = [
  { what: 'the first byte of the payload', harm: flip(() => 0) },
  { what: 'the second chunk', harm: flip(() => PAYLOAD_BYTES - 1) },
  { what: 'a token', harm: flip(() => PAYLOAD_BYTES + 8) },
  { what: 'the header', harm: flip(() => PAYLOAD_BYTES + 1_200 + 30) },
  { what: 'the MAC', harm: flip((size) => size - 12) },
  { what: 'a size', harm: flip((size) => size - 64) },
  { what: 'the magic', harm: flip((size) => size - 1) },
  { what: 'a file cut by one byte', harm: async (path) => truncate(path, (await stat(path)).size - 1) },
  { what: 'a file cut in its payload', harm: (path) => truncate(path, 1_000) },
  { what: 'an empty file', harm: (path) => truncate(path, 0) },
]

test.for(DAMAGES)(
  'never handed out, set aside and told: $what, while running and after a restart',
  async ({ harm }) => {
    const first = await stage()
    const { path } = await save(first.cache, tokens(300), {}, randomBytes(PAYLOAD_BYTES))
    await payloadOf(await first.cache.find(query(tokens(400))))
    await harm(path)
    expect(await first.cache.find(query(tokens(400)))).toBeUndefined()
    expect(first.faults).toMatchObject([{ isCorrupt: true, path }])
    expect(first.cache.list()).toEqual([])
    expect(await readdir(first.folder)).toContain(`deepseek-r1-14b-1000000000000.cache.corrupt`)

    const { path: second } = await save(first.cache, tokens(300), {}, randomBytes(PAYLOAD_BYTES))
    await harm(second)
    const { cache } = await again(first)
    expect(await cache.find(query(tokens(400)))).toBeUndefined()
    expect(cache.list()).toEqual([])
  },
)

test('a file of another installation, or of another entry, is no entry of ours', async () => {
  const [one, other] = [await stage(), await stage()]
  const foreign = await save(other.cache, tokens(300))
  const own = await save(one.cache, tokens(300, 5))
  await copyFile(foreign.path, own.path)
  expect(await one.cache.find(query(tokens(400, 5)))).toBeUndefined()
  expect(one.faults).toMatchObject([{ isCorrupt: true }])
})

test('a file under the name of another owner’s, or of another conversation’s, is not used', async () => {
  const { cache, faults } = await stage()
  const kept = await save(cache, tokens(300), { owner: { owner: 'key:1', conversationId: 'c1' } })
  const others = [
    { owner: 'key:2', conversationId: 'c1' },
    { owner: 'key:1', conversationId: 'c2' },
  ]
  for (const owner of others) {
    const { path } = await save(cache, tokens(300), { owner })
    await copyFile(kept.path, path)
  }
  const { path } = await save(cache, tokens(300, 5), { owner: { owner: 'key:3' } })
  await copyFile(kept.path, path)
  expect(await cache.find(query(tokens(400), { owner: 'key:2' }))).toBeUndefined()
  expect(await cache.find(query(tokens(400, 5), { owner: 'key:3' }))).toBeUndefined()
  const found = await cache.find(query(tokens(400), { owner: 'key:1' }))
  expect(found?.entryId).toBe(basename(kept.path))
  await found?.[Symbol.asyncDispose]()
  expect(await cache.verify()).toMatchObject({ verified: 1, corrupt: [{}] })
  expect(faults.map(({ isCorrupt }) => isCorrupt)).toEqual([true, true, true])
})

test('what was set aside makes way before an entry does', async () => {
  const { cache, folder } = await stage({ maxBytes: 12_000 })
  const damaged = await save(cache, tokens(300, 3), {}, randomBytes(4_000))
  await flip(() => 0)(damaged.path)
  expect(await cache.find(query(tokens(400, 3)))).toBeUndefined()
  const isAside = async (): Promise<boolean> => (await readdir(folder)).some((name) => name.endsWith('.corrupt'))
  expect(await isAside()).toBe(true)
  await save(cache, tokens(300, 5), { owner: { owner: 'local', conversationId: 'c2' } }, randomBytes(3_000))
  await save(cache, tokens(300, 7), { owner: { owner: 'local', conversationId: 'c3' } }, randomBytes(3_000))
  expect(cache.list().length).toBe(2)
  expect(await isAside()).toBe(false)
})

test('a name whose file somebody deleted is not given to another entry', async () => {
  const first = await stage()
  const { path } = await save(first.cache, tokens(300))
  const later = await again(first)
  await rm(path)
  const second = await save(later.cache, tokens(300, 5))
  expect(second.path).not.toBe(path)
  expect(await later.cache.find(query(tokens(400)))).toBeUndefined()
  expect(later.cache.report()).toMatchObject({ entries: 1, bytes: second.bytes })
  expect(await later.cache.verify()).toEqual({ verified: 1, corrupt: [] })
})

test('a name is not given twice, though its entry is gone', async () => {
  const { cache } = await stage()
  const first = await save(cache, tokens(300))
  await cache.clear()
  expect((await save(cache, tokens(300))).path).not.toBe(first.path)
})

test('two files that changed their names: neither stands for the other, and both are told', async () => {
  const { cache, faults } = await stage()
  const one = await save(cache, tokens(300))
  const other = await save(cache, tokens(300, 5), { owner: { owner: 'somebody', conversationId: 'c2' } })
  await rename(one.path, `${one.path}.x`)
  await rename(other.path, one.path)
  await rename(`${one.path}.x`, other.path)
  expect(await cache.verify()).toMatchObject({ verified: 0, corrupt: [{ path: one.path }, { path: other.path }] })
  expect(faults).toMatchObject([{ isCorrupt: true }, { isCorrupt: true }])
  // Nothing of a conversation that is deleted now is left under the name of another one.
  expect(cache.list()).toEqual([])
})

test('the folder is deleted while it is used: it is made anew, and is ours again', async () => {
  const first = await stage()
  const { path } = await save(first.cache, tokens(300))
  await rm(first.folder, { recursive: true })
  expect(await first.cache.find(query(tokens(400)))).toBeUndefined()
  expect(first.faults).toMatchObject([{ path, message: expect.stringContaining('it is gone') }])
  await Promise.all([save(first.cache, tokens(300)), save(first.cache, tokens(300, 3))])
  expect(await first.cache.verify()).toEqual({ verified: 2, corrupt: [] })
  await expect(stage({}, first.home)).rejects.toThrow(/Another process/)
  const { cache } = await again(first)
  expect(cache.list()).toHaveLength(2)
})

test('a model that cannot be moved to the cache: the error says what to do', async () => {
  const { cache, folder } = await stage()
  await rm(folder, { recursive: true })
  await writeFile(folder, 'a file where the folder was')
  const moved = cache.cacheModel({ modelId: 'm', saved: [], metadata: {} })
  await expect(moved).rejects.toMatchObject({ reason: 'cache-operation-failed' })
  await rm(folder)
})

test('a clock that was set back hurts nothing', async () => {
  const first = await stage()
  await save(first.cache, tokens(300))
  await close(first.cache)
  const { cache, clock } = await stage({}, first.home, new VirtualClock(5e11))
  expect((await payloadOf(await cache.find(query(tokens(400)))))?.length).toBe(1_000)
  expect(cache.list()[0]?.createdAtMs).toBe(5e11)
  await clock.advanceTo(clock.nowMs() + SETTINGS.ttlMs)
  expect(await cache.find(query(tokens(400)))).toBeUndefined()
})

test('a folder that holds something else is not touched', async () => {
  const home = await temporaryFolder()
  const folder = join(home, '.cache', 'models')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'x.cache'), 'mine')
  await expect(stage({}, home)).rejects.toMatchObject({ reason: 'cache-operation-failed' })
  expect(await readdir(folder)).toEqual(['x.cache'])
})

test('one process at a time uses it', async () => {
  const first = await stage()
  await expect(stage({}, first.home)).rejects.toThrow(/Another process/)
  const { cache } = await again(first)
  await save(cache, tokens(300))
})

test('a disk that takes nothing is told, and nothing is left', async () => {
  const { cache, folder, faults } = await stage()
  const draft = await cache.begin(NEW)
  if (!('path' in draft)) return expect.unreachable(draft.message)
  // The engine's file is gone: what fails here fails as a full disk does.
  await rename(draft.path, `${draft.path}.elsewhere.tmp`)
  await expect(draft.commit(tokens(300))).rejects.toMatchObject({ reason: 'cache-operation-failed' })
  expect(cache.report()).toMatchObject({ entries: 0, bytes: 0 })
  await rename(folder, `${folder}-moved`)
  await writeFile(folder, 'a file')
  expect(await cache.begin(NEW)).toMatchObject({ refused: 'disk' })
  expect(faults).toMatchObject([{ isCorrupt: false }, { isCorrupt: false }])
  await rm(folder)
  await rename(`${folder}-moved`, folder)
})

test('somebody deletes a file: a miss, told', async () => {
  const { cache, faults } = await stage()
  const { path } = await save(cache, tokens(300))
  await rename(path, `${path}.away`)
  expect(await cache.find(query(tokens(400)))).toBeUndefined()
  expect(faults).toMatchObject([{ path, isCorrupt: false }])
  expect(cache.list()).toEqual([])
})

test('leftovers of a process that was killed are removed', async () => {
  const first = await stage()
  await first.cache.begin(NEW)
  expect((await readdir(first.folder)).some((name) => name.endsWith('.tmp'))).toBe(true)
  const { folder } = await again(first)
  expect((await readdir(folder)).some((name) => name.endsWith('.tmp'))).toBe(false)
})

const STEPS: readonly SaveStep[] = ['make', 'hash', 'seal', 'flush', 'name', 'named', 'supersede']
const SAVING_CHILD = join(import.meta.dirname, '../../test/support/kv-saving-child.ts')

test.for(STEPS)('killed before "%s": the old state or the whole new one is there, and nothing else', async (step) => {
  const first = await stage()
  await save(first.cache, tokens(300), {}, Buffer.from('old'))
  await close(first.cache)
  const child = spawnSync(process.execPath, [SAVING_CHILD, first.home, step], { encoding: 'utf8' })
  expect(child.signal, child.stderr).toBe('SIGKILL')
  const { cache, folder, faults } = await stage({}, first.home, first.clock)
  const isWhole = STEPS.indexOf(step) >= STEPS.indexOf('named')
  const found = await cache.find(query(tokens(700)))
  expect(found?.commonTokens).toBe(isWhole ? 600 : 300)
  expect((await payloadOf(found))?.toString()).toBe(isWhole ? 'new' : 'old')
  expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([])
  expect(await cache.verify()).toMatchObject({ corrupt: [] })
  expect(faults).toEqual([])
})

const FAILURES = ['ENOSPC', 'EROFS'].flatMap((code) => STEPS.map((at) => ({ code, at })))

test.for(FAILURES)('$code before "$at": told, nothing half is left, and the next save works', async ({ code, at }) => {
  let isFailing = true
  const { cache, folder, faults } = await stage({}, undefined, undefined, (step) => {
    if (isFailing && step === at) throw Object.assign(new Error(`${code}: no`), { code, syscall: 'write' })
  })
  const draft = await cache.begin(NEW)
  if (at === 'make') expect(draft).toMatchObject({ refused: 'disk' })
  else if ('path' in draft) {
    await writeFile(draft.path, 'x')
    const commit = draft.commit(tokens(300))
    // Only the beginnings of what is kept already could not be deleted.
    if (at === 'supersede') await commit
    else await expect(commit).rejects.toMatchObject({ reason: 'cache-operation-failed' })
  }
  expect(faults).toMatchObject([{ isCorrupt: false }])
  const names = (await readdir(folder)).filter((name) => /\.(cache|tmp)$/.test(name))
  expect(names).toHaveLength(at === 'supersede' ? 1 : 0)
  if (at !== 'supersede') expect(cache.report()).toMatchObject({ entries: 0, bytes: 0 })
  isFailing = false
  await save(cache, tokens(600))
  expect(cache.list()).toHaveLength(1)
})

test('ten thousand entries are there at the start, and found', async () => {
  const first = await stage({ maxEntries: 20_000 })
  const { path } = await save(first.cache, tokens(6_000), {}, Buffer.from('x'))
  await close(first.cache)
  const bytes = await readFile(path)
  for (let at = 1; at < 10_000; at++) await writeFile(path.replace(/\d+\.cache$/, `${at}.cache`), bytes)
  const { cache } = await stage({ maxEntries: 20_000 }, first.home, first.clock)
  expect(cache.list()).toHaveLength(10_000)
  expect((await payloadOf(await cache.find(query(tokens(6_100)))))?.toString()).toBe('x')
}, 60_000)
