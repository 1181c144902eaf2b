import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import {
  again,
  close,
  flip,
  NEW,
  query,
  save,
  stage,
  tearDown,
  temporaryFolder,
  tokens,
} from '../../test/support/kv-ground.ts'

afterEach(tearDown)

test('what is found damaged at the start is told to whoever listens afterwards', async () => {
  const first = await stage()
  const { path } = await save(first.cache, tokens(300))
  await flip((size) => size - 12)(path)
  const { faults, cache } = await again(first)
  expect(faults).toMatchObject([{ isCorrupt: true, path }])
  expect(cache.list()).toEqual([])
})

test('another key: told in a few sentences, not in one for each file', async () => {
  const first = await stage()
  const { path } = await save(first.cache, tokens(300), {}, Buffer.from('x'))
  await close(first.cache)
  const bytes = await readFile(path)
  for (let at = 1; at <= 2_000; at++) await writeFile(path.replace(/\d+\.cache$/, `${at}.cache`), bytes)
  await rm(join(first.home, 'kv.key'))
  const { cache, faults, folder } = await stage({}, first.home, first.clock)
  expect(cache.report()).toMatchObject({ entries: 0, bytes: 3 * bytes.length })
  expect(faults).toHaveLength(4)
  expect(faults.at(-1)).toMatchObject({ isCorrupt: true, message: expect.stringContaining('1998 more files') })
  expect((await readdir(folder)).filter((name) => name.endsWith('.corrupt'))).toHaveLength(3)
  expect((await readdir(folder)).filter((name) => name.endsWith('.cache'))).toEqual([])
}, 60_000)

test('a damaged file that cannot be set aside is not used either, and told; the next best is found', async () => {
  const { cache, faults } = await stage()
  await save(cache, tokens(300))
  const { path } = await save(cache, tokens(600), { canBeCut: false })
  await flip(() => 1)(path)
  // A folder that holds something cannot be replaced by a file, as nothing can on a disk that is read-only.
  await mkdir(join(`${path}.corrupt`, 'x'), { recursive: true })
  const found = await cache.find(query(tokens(700)))
  expect(found?.commonTokens).toBe(300)
  await found?.[Symbol.asyncDispose]()
  expect(faults).toMatchObject([{ isCorrupt: true, path, message: expect.stringContaining('left where it is') }])
  // It still takes its room.
  expect(cache.report().bytes).toBeGreaterThanOrEqual(2 * (await stat(path)).size - 2_000)
})

test('a promise ends where the disk does not let others go', async () => {
  const { cache, folder } = await stage({ maxBytes: 5_000 })
  const { path } = await save(cache, tokens(300), {}, Buffer.alloc(3_000))
  await rm(path)
  await mkdir(join(path, 'x'), { recursive: true })
  for (let time = 0; time < 3; time++) {
    expect(await cache.begin({ ...NEW, expectedBytes: 3_000 })).toMatchObject({ refused: 'disk' })
  }
  await rm(path, { recursive: true })
  expect(await cache.begin({ ...NEW, expectedBytes: 3_000 })).toMatchObject({ path: expect.stringContaining(folder) })
})

test('verify says of each file what is wrong with it', async () => {
  const { cache } = await stage()
  const changed = await save(cache, tokens(300))
  const gone = await save(cache, tokens(300, 3), { owner: { owner: 'local' } })
  await flip(() => 1)(changed.path)
  await rm(gone.path)
  expect(await cache.verify()).toEqual({
    verified: 0,
    corrupt: [
      { path: changed.path, reason: 'chunk 1 of its payload was changed; it was set aside' },
      { path: gone.path, reason: 'it is gone' },
    ],
  })
})

test('a cache that cannot write its notes lets go of its folder all the same', async () => {
  const first = await stage()
  await mkdir(join(first.folder, 'notes.json', 'x'), { recursive: true })
  await expect(close(first.cache)).rejects.toThrow(/notes\.json/)
  await rm(join(first.folder, 'notes.json'), { recursive: true })
  await stage({}, first.home)
})

test('a cache that cannot be opened lets go of its folder', async () => {
  const home = await temporaryFolder()
  await writeFile(join(home, 'kv.key'), 'short')
  await expect(stage({}, home)).rejects.toThrow(/is not a key/)
  await rm(join(home, 'kv.key'))
  await stage({}, home)
})
