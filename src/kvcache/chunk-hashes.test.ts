import { createHash, type Hash, randomBytes } from 'node:crypto'
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

/** Of one turn of the event loop. */
const MOST_BYTES = 1_048_576

test.each([0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 5])(
  '%i bytes are hashed by chunks, a piece in each turn of the event loop',
  async (bytes) => {
    const content = randomBytes(bytes)
    const file = await fileOf(content)
    const update = vi.spyOn(Object.getPrototypeOf(createHash('sha256')) as Hash, 'update')
    const hashes = await chunkHashes(file, bytes)
    const pieces = update.mock.calls.map(([data]) => data.length)
    update.mockRestore()
    expect(pieces.reduce((sum, piece) => sum + piece, 0)).toBe(bytes)
    expect(Math.max(0, ...pieces)).toBeLessThanOrEqual(MOST_BYTES)
    expect(hashes).toEqual(
      Array.from({ length: Math.ceil(bytes / CHUNK_BYTES) }, (_, index) =>
        createHash('sha256')
          .update(content.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES))
          .digest('base64'),
      ),
    )
    expect(await firstWrongChunk(file, bytes, hashes)).toBe(-1)
  },
)

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
