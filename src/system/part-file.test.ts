import { createHash, randomBytes } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { deflateRawSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FileServer } from '../../test/support/file-server.ts'
import { TemporaryFolder } from '../../test/support/system-ground.ts'
import { HttpSource } from './http-source.ts'
import { fetchPart, type PartProgress, placePart, type RemoteBytes } from './part-file.ts'

const content = randomBytes(300_000)
const sha256 = createHash('sha256').update(content).digest('hex')

let server: FileServer
let folder: TemporaryFolder
let http: HttpSource

beforeEach(async () => {
  server = await FileServer.start()
  folder = await TemporaryFolder.make()
  http = new HttpSource({ answerTimeoutMs: 500, stallTimeoutMs: 500 })
})

afterEach(async () => {
  await http.close()
  await server[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

function fetchIt(
  remote: Partial<RemoteBytes> = {},
  onProgress: (progress: PartProgress) => void = () => {},
  signal: AbortSignal = new AbortController().signal,
): Promise<string> {
  const whole = { url: `${server.url}/file`, lengthBytes: content.length, identity: 'file', ...remote }
  return fetchPart(http, whole, folder.at('model.gguf'), onProgress, signal)
}

describe('fetching', () => {
  test('brings the bytes, and tells how far it is', async () => {
    server.serve('/file', content)
    const progress: number[] = []
    const part = await fetchIt({}, ({ receivedBytes }) => progress.push(receivedBytes))
    expect(await readFile(part)).toEqual(content)
    expect(progress[0]).toBe(0)
    expect(progress.at(-1)).toBe(content.length)
    expect(progress).toEqual(progress.toSorted((a, b) => a - b))
  })

  test('a piece out of a larger file', async () => {
    server.serve('/file', content)
    const part = await fetchIt({ offsetBytes: 1_000, lengthBytes: 5_000 })
    expect(await readFile(part)).toEqual(content.subarray(1_000, 6_000))
  })

  test('cut off in the middle goes on where it stopped', async () => {
    server.serve('/file', content, { cutOnceAfterBytes: 100_000 })
    await expect(fetchIt()).rejects.toMatchObject({ reason: 'download-failed' })
    expect(await readFile(await fetchIt())).toEqual(content)
    expect(server.seen).toHaveLength(2)
  })

  test('a finished part is not fetched again', async () => {
    server.serve('/file', content)
    await fetchIt()
    await fetchIt()
    expect(server.seen).toHaveLength(1)
  })

  test('from a server that ignores ranges begins anew', async () => {
    server.serve('/file', content, { cutOnceAfterBytes: 100_000, ignoresRange: true })
    await expect(fetchIt()).rejects.toMatchObject({ reason: 'download-failed' })
    expect(await readFile(await fetchIt())).toEqual(content)
  })

  test('a piece from a server that ignores ranges is refused: it would be another piece', async () => {
    server.serve('/file', content, { ignoresRange: true })
    await expect(fetchIt({ offsetBytes: 10, lengthBytes: 20 })).rejects.toMatchObject({ reason: 'download-failed' })
  })

  test('more than was promised is refused before it fills the disk', async () => {
    server.serve('/file', content, { ignoresRange: true })
    await expect(fetchIt({ lengthBytes: 1_000 })).rejects.toThrow('too much')
  })

  test('a download that stands still is given up', async () => {
    server.serve('/file', content, { stallAfterBytes: 10 })
    await expect(fetchIt()).rejects.toMatchObject({ reason: 'download-failed' })
  })

  test('another file never continues the part of this one', async () => {
    server.serve('/file', content, { cutOnceAfterBytes: 100_000 })
    await expect(fetchIt({ identity: 'one' })).rejects.toThrow('broke off')
    expect(await readFile(await fetchIt({ identity: 'two' }))).toEqual(content)
    expect(server.rangesOf('/file').at(-1)).toBe(`bytes=0-${content.length - 1}`)
  })

  test('that is given up by its user leaves the part for the next time', async () => {
    server.serve('/file', content, { stallAfterBytes: 5_000 })
    const leaving = new AbortController()
    const fetched = fetchIt({}, ({ receivedBytes }) => receivedBytes > 0 && leaving.abort(), leaving.signal)
    await expect(fetched).rejects.toMatchObject({ name: 'AbortError' })
    const [part = ''] = await readdir(folder.path)
    const haveBytes = (await readFile(folder.at(part))).length
    expect(haveBytes).toBeGreaterThan(0)
    server.serve('/file', content)
    expect(await readFile(await fetchIt())).toEqual(content)
    expect(server.rangesOf('/file').at(-1)).toBe(`bytes=${haveBytes}-${content.length - 1}`)
  })
})

describe('placing', () => {
  async function place(
    bytes: Buffer,
    expected: { sizeBytes: number; sha256?: string },
    isDeflated = false,
  ): Promise<void> {
    await writeFile(folder.at('.part'), bytes)
    await placePart(folder.at('.part'), folder.at('model.gguf'), expected, isDeflated)
  }

  test('puts what passes its checks in place, and nothing else stays', async () => {
    await place(content, { sizeBytes: content.length, sha256 })
    expect(await readdir(folder.path)).toEqual(['model.gguf'])
    expect(await readFile(folder.at('model.gguf'))).toEqual(content)
  })

  test('inflates what came deflated', async () => {
    await place(deflateRawSync(content), { sizeBytes: content.length, sha256 }, true)
    expect(await readdir(folder.path)).toEqual(['model.gguf'])
    expect(await readFile(folder.at('model.gguf'))).toEqual(content)
  })

  test.each([
    ['a bit that flipped', Buffer.concat([content.subarray(0, -1), Buffer.of(1 ^ (content.at(-1) ?? 0))]), false],
    ['a byte too few', content.subarray(0, -1), false],
    ['a byte too many', Buffer.concat([content, Buffer.of(0)]), false],
    ['something that does not inflate', Buffer.from('no deflate stream'), true],
    ['a deflate stream cut in half', deflateRawSync(content).subarray(0, 1_000), true],
  ])('%s is deleted, not placed', async (_, bytes, isDeflated) => {
    const placed = place(bytes, { sizeBytes: content.length, sha256 }, isDeflated)
    await expect(placed).rejects.toMatchObject({ reason: 'download-corrupt' })
    expect(await readdir(folder.path)).toEqual([])
  })
})
