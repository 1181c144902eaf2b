import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { resourceError } from '../spec/errors.ts'
import type { GgufMetadata } from './gguf-metadata.ts'
import { MetadataCache } from './metadata-cache.ts'

const readGgufMetadata = vi.hoisted(() => vi.fn<(path: string) => Promise<GgufMetadata>>())
vi.mock('./read-gguf-metadata.ts', () => ({ readGgufMetadata }))

const METADATA = { architecture: 'llama' } as GgufMetadata
let folder: string
let model: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'grym-metadata-'))
  model = join(folder, 'a.gguf')
  await writeFile(model, 'GGUF')
  readGgufMetadata.mockReset()
})

afterEach(() => rm(folder, { recursive: true }))

function open(): MetadataCache {
  return new MetadataCache(join(folder, 'cache.json'))
}

test('fifty who ask at once are answered by one reading', async () => {
  readGgufMetadata.mockImplementation(async () => METADATA)
  const cache = open()
  const answers = await Promise.all(Array.from({ length: 50 }, () => cache.read(model)))
  expect(new Set(answers)).toEqual(new Set([METADATA]))
  expect(readGgufMetadata).toHaveBeenCalledTimes(1)
})

test('what was read is remembered across starts, until the file changes', async () => {
  readGgufMetadata.mockImplementation(async () => METADATA)
  await open().read(model)
  expect(await open().read(model)).toEqual(METADATA)
  expect(readGgufMetadata).toHaveBeenCalledTimes(1)
  await writeFile(model, 'GGUF, longer')
  await open().read(model)
  expect(readGgufMetadata).toHaveBeenCalledTimes(2)
})

test('a file that is corrupt is not read again', async () => {
  readGgufMetadata.mockRejectedValue(resourceError('model-file-corrupt', 'It is cut.'))
  const cache = open()
  await expect(cache.read(model)).rejects.toThrow('It is cut.')
  await expect(cache.read(model)).rejects.toThrow('It is cut.')
  expect(readGgufMetadata).toHaveBeenCalledTimes(1)
})

test('one that took too long is read again when it is asked for again', async () => {
  readGgufMetadata.mockRejectedValueOnce(resourceError('load-timeout', 'The machine is busy.'))
  readGgufMetadata.mockResolvedValueOnce(METADATA)
  const cache = open()
  await expect(cache.read(model)).rejects.toThrow('busy')
  expect(await cache.read(model)).toEqual(METADATA)
})
