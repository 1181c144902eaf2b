import { createHash, randomBytes, webcrypto } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { tearDown, temporaryFolder } from '../../test/support/kv-ground.ts'
import { CHUNK_BYTES, chunkHashes, firstWrongChunk } from './chunk-hashes.ts'

const opened: FileHandle[] = []

afterEach(async () => {
  for (const file of opened.splice(0)) await file.close()
  await tearDown()
})

async function fileOf(content: Buffer): Promise<FileHandle> {
  const file = await open(join(await temporaryFolder(), 'payload'), 'w+')
  opened.push(file)
  await file.writeFile(content)
  return file
}

test.each([
  { bytes: 0, chunks: [] },
  { bytes: CHUNK_BYTES - 1, chunks: [CHUNK_BYTES - 1] },
  { bytes: CHUNK_BYTES, chunks: [CHUNK_BYTES] },
  { bytes: CHUNK_BYTES + 1, chunks: [CHUNK_BYTES, 1] },
  { bytes: 3 * CHUNK_BYTES + 5, chunks: [CHUNK_BYTES, CHUNK_BYTES, CHUNK_BYTES, 5] },
])('$bytes bytes are hashed in pieces of a chunk at most, each in a thread beside', async ({ bytes, chunks }) => {
  const content = randomBytes(bytes)
  const file = await fileOf(content)
  const digest = vi.spyOn(webcrypto.subtle, 'digest')
  const hashes = await chunkHashes(file, bytes)
  expect(digest.mock.calls.map(([, data]) => data.byteLength)).toEqual(chunks)
  digest.mockRestore()
  const expected = chunks.map((size, index) =>
    createHash('sha256')
      .update(content.subarray(index * CHUNK_BYTES, index * CHUNK_BYTES + size))
      .digest('base64'),
  )
  expect(hashes).toEqual(expected)
  expect(await firstWrongChunk(file, bytes, hashes)).toBe(-1)
})

test.each([0, 1, 2, 3])('a flipped bit in chunk %i is told by its number', async (chunk) => {
  const content = randomBytes(3 * CHUNK_BYTES + 5)
  const hashes = await chunkHashes(await fileOf(content), content.length)
  const at = chunk * CHUNK_BYTES + 3
  content[at] = (content[at] ?? 0) ^ 1
  expect(await firstWrongChunk(await fileOf(content), content.length, hashes)).toBe(chunk)
})

test('a file that is shorter than it says is refused', async () => {
  const file = await fileOf(randomBytes(CHUNK_BYTES))
  await expect(chunkHashes(file, CHUNK_BYTES + 1)).rejects.toThrow('the file ends too early')
})
