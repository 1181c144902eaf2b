import { createHash } from 'node:crypto'
import { readFile, stat, utimes, writeFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { TemporaryFolder } from '../../test/support/system-ground.ts'
import { DigestCache, fileSha256 } from './file-digest.ts'

const SHA256_OF_ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
const SHA256_OF_NOTHING = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
const CHUNK_BYTES = 1_048_576

/** Replaces every digest that is remembered, so that a remembered one is told from one that was computed. */
async function plant(cachePath: string, digest: string): Promise<void> {
  const remembered = JSON.parse(await readFile(cachePath, 'utf8')) as Record<string, string>
  const planted = Object.fromEntries(Object.keys(remembered).map((identity) => [identity, digest]))
  await writeFile(cachePath, JSON.stringify(planted))
}

describe('SHA-256 of a file', () => {
  test('is the standard’s: of "abc", and of nothing', async () => {
    await using folder = await TemporaryFolder.make({ abc: 'abc', empty: '' })
    expect(await fileSha256(folder.at('abc'))).toBe(SHA256_OF_ABC)
    expect(await fileSha256(folder.at('empty'))).toBe(SHA256_OF_NOTHING)
  })

  test.each([CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 5])(
    'takes in every one of %i bytes, also across the buffer’s end',
    async (sizeBytes) => {
      const text = 'abcdefg'.repeat(sizeBytes / 7 + 1).slice(0, sizeBytes)
      await using folder = await TemporaryFolder.make({ file: text })
      expect(await fileSha256(folder.at('file'))).toBe(createHash('sha256').update(text).digest('hex'))
    },
  )

  test('ends with the reason of a signal that aborts', async () => {
    await using folder = await TemporaryFolder.make({ file: 'abc' })
    const reason = new Error('enough')
    await expect(fileSha256(folder.at('file'), AbortSignal.abort(reason))).rejects.toBe(reason)
  })

  test('of a file that is not there is the file system’s error', async () => {
    await using folder = await TemporaryFolder.make()
    await expect(fileSha256(folder.at('file'))).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

describe('remembered digests', () => {
  test('are right the first time and the second', async () => {
    await using folder = await TemporaryFolder.make({ file: 'abc' })
    const cache = new DigestCache(folder.at('cache.json'))
    expect(await cache.sha256(folder.at('file'))).toBe(SHA256_OF_ABC)
    expect(await cache.sha256(folder.at('file'))).toBe(SHA256_OF_ABC)
  })

  test('are taken instead of reading the file again, by the next process too', async () => {
    await using folder = await TemporaryFolder.make({ file: 'abc' })
    await new DigestCache(folder.at('cache.json')).sha256(folder.at('file'))
    const planted = 'f'.repeat(64)
    await plant(folder.at('cache.json'), planted)
    expect(await new DigestCache(folder.at('cache.json')).sha256(folder.at('file'))).toBe(planted)
  })

  test('two files of the same content have the same digest, each its own entry', async () => {
    await using folder = await TemporaryFolder.make({ one: 'abc', two: 'abc' })
    const cache = new DigestCache(folder.at('cache.json'))
    expect(await Promise.all([cache.sha256(folder.at('one')), cache.sha256(folder.at('two'))])).toEqual([
      SHA256_OF_ABC,
      SHA256_OF_ABC,
    ])
    expect(Object.keys(JSON.parse(await readFile(folder.at('cache.json'), 'utf8')) as object)).toHaveLength(2)
  })

  test('a file that was changed is read again, also when it is as long as before', async () => {
    await using folder = await TemporaryFolder.make({ file: 'xyz' })
    const cache = new DigestCache(folder.at('cache.json'))
    await utimes(folder.at('file'), 1, 1)
    expect(await cache.sha256(folder.at('file'))).not.toBe(SHA256_OF_ABC)
    await folder.write('file', 'abc')
    await utimes(folder.at('file'), 2, 2)
    expect(await cache.sha256(folder.at('file'))).toBe(SHA256_OF_ABC)
    await folder.write('file', '')
    expect(await cache.sha256(folder.at('file'))).toBe(SHA256_OF_NOTHING)
  })

  test.each([
    ['is not JSON', '{"1:2'],
    ['is empty', ''],
    ['is a list', '[1, "x", null]'],
    ['is nothing', 'null'],
    ['holds other things', '{"x": 5, "y": {}, "z": null}'],
  ])('a cache file that %s costs time only, and is mended', async (_, text) => {
    await using folder = await TemporaryFolder.make({ file: 'abc', 'cache.json': text })
    expect(await new DigestCache(folder.at('cache.json')).sha256(folder.at('file'))).toBe(SHA256_OF_ABC)
    const mended = JSON.parse(await readFile(folder.at('cache.json'), 'utf8')) as object
    expect(Object.values(mended)).toEqual([SHA256_OF_ABC])
  })

  test.each([['not a digest'], ['F'.repeat(64)], ['f'.repeat(63)], ['']])(
    'a remembered digest that is none (%j) is computed again',
    async (damaged) => {
      await using folder = await TemporaryFolder.make({ file: 'abc' })
      await new DigestCache(folder.at('cache.json')).sha256(folder.at('file'))
      await plant(folder.at('cache.json'), damaged)
      expect(await new DigestCache(folder.at('cache.json')).sha256(folder.at('file'))).toBe(SHA256_OF_ABC)
    },
  )

  test.each([
    ['limit − 1', 9_998, true],
    ['limit', 9_999, true],
    ['limit + 1', 10_000, false],
  ])('%s: of 10,000 the oldest is forgotten when one more comes', async (_, knownBefore, isOldestKept) => {
    const old = Object.fromEntries(Array.from({ length: knownBefore }, (_entry, at) => [`${at}:x`, 'a'.repeat(64)]))
    await using folder = await TemporaryFolder.make({ file: 'abc', 'cache.json': JSON.stringify(old) })
    await new DigestCache(folder.at('cache.json')).sha256(folder.at('file'))
    const kept = Object.entries(JSON.parse(await readFile(folder.at('cache.json'), 'utf8')) as object)
    expect(kept).toHaveLength(Math.min(10_000, knownBefore + 1))
    expect(kept.some(([identity]) => identity === '0:x')).toBe(isOldestKept)
    expect(kept.some(([identity]) => identity === '1:x')).toBe(true)
    expect(kept.at(-1)?.[1]).toBe(SHA256_OF_ABC)
  })

  test('the file that remembers them is its owner’s only', async () => {
    await using folder = await TemporaryFolder.make({ file: 'abc' })
    await new DigestCache(folder.at('cache.json')).sha256(folder.at('file'))
    expect((await stat(folder.at('cache.json'))).mode & 0o777).toBe(0o600)
  })

  test('of a file that is not there there is none, and the cache goes on', async () => {
    await using folder = await TemporaryFolder.make()
    const cache = new DigestCache(folder.at('cache.json'))
    await expect(cache.sha256(folder.at('file'))).rejects.toMatchObject({ code: 'ENOENT' })
    await folder.write('file', 'abc')
    expect(await cache.sha256(folder.at('file'))).toBe(SHA256_OF_ABC)
  })
})
