import { describe, expect, test } from 'vitest'
import { TemporaryFolder } from '../../test/support/system-ground.ts'
import { TINY_TEMPLATE, tinyGguf } from '../testing/tiny-gguf.ts'
import { type GgufMetadata, parseGgufFile } from './gguf-metadata.ts'
import { writeFile } from 'node:fs/promises'
import { readGgufMetadata } from './read-gguf-metadata.ts'

async function parse(content: Uint8Array): Promise<GgufMetadata> {
  await using folder = await TemporaryFolder.make()
  await writeFile(folder.at('m.gguf'), content)
  return await parseGgufFile(folder.at('m.gguf'))
}

function changed(change: (bytes: Buffer) => void): Buffer {
  const bytes = tinyGguf()
  change(bytes)
  return bytes
}

test('says what the header says', async () => {
  expect(await parse(tinyGguf({ name: 'my model' }))).toEqual({
    architecture: 'llama',
    name: 'my model',
    trainContextTokens: 2_048,
    blockCount: 2,
    contextMemory: {
      // 2 blocks, 4 heads of 16 keys and 16 values.
      wholeElementsPerToken: 2 * 4 * (16 + 16),
      slidingElementsPerToken: 0,
      slidingTokens: 0,
      stateElements: 0,
      // 5 times the width, and the feed-forward thrice.
      rowElements: 5 * 64 + 3 * 128,
      scoredHeads: 0,
      turnedElementsPerToken: 0,
      isKnown: true,
    },
    vocabularySize: 354,
    tokenizerStrings: 354,
    longestTokenBytes: 6,
    wordsPerToken: 1,
    parameterCount: 127_552,
    quantization: 'unknown',
    capabilities: ['completion'],
    chatTemplate: TINY_TEMPLATE,
    // Norms are 5 of 64 numbers; everything is F32.
    tensorBytes: 127_552 * 4,
    tensorCount: 21,
    layers: { blockBytes: [164_352, 164_352], outputBytes: 90_880, isOutputCopied: false },
    embeddingLength: 64,
    dataEndBytes: tinyGguf({ name: 'my model' }).length,
  })
})

test('a file without a template has none', async () => {
  expect((await parse(tinyGguf({ chatTemplate: null }))).chatTemplate).toBeNull()
})

describe('what is no usable model is told by its file name, quickly', () => {
  const bad: [string, Uint8Array][] = [
    ['empty', Buffer.of()],
    ['23 bytes', tinyGguf().subarray(0, 23)],
    ['another magic', changed((bytes) => bytes.write('GGUX', 0, 'latin1'))],
    ['more tensors than bytes', changed((bytes) => bytes.writeBigUInt64LE(2n ** 62n, 8))],
    ['more keys than bytes', changed((bytes) => bytes.writeBigUInt64LE(2n ** 62n, 16))],
    ['a key longer than the file', changed((bytes) => bytes.writeBigUInt64LE(2n ** 40n, 24))],
    ['an unknown value type', changed((bytes) => bytes.writeUInt32LE(99, 24 + 8 + 'general.architecture'.length))],
    ['more blocks than the engine can have', tinyGguf({ blocks: 513, width: 4, heads: 1, feedForward: 1 })],
    ['cut in its header', tinyGguf().subarray(0, 400)],
    ['cut in its tensors', tinyGguf().subarray(0, -1)],
    ['text', Buffer.from('not a model at all, but long enough to be looked at')],
  ]

  test.each(bad)('%s', async (_, content) => {
    await expect(parse(content)).rejects.toMatchObject({
      reason: 'model-file-corrupt',
      message: expect.stringContaining('m.gguf'),
    })
  })

  test('a file that is gone', async () => {
    await expect(parseGgufFile('/nowhere/m.gguf')).rejects.toMatchObject({ reason: 'model-file-missing' })
  })
})

describe('read in a process of its own', () => {
  test('says the same', async () => {
    await using folder = await TemporaryFolder.make()
    await writeFile(folder.at('m.gguf'), tinyGguf())
    expect(await readGgufMetadata(folder.at('m.gguf'))).toEqual(await parseGgufFile(folder.at('m.gguf')))
  })

  test('errors come across as what they are', async () => {
    await using folder = await TemporaryFolder.make({ 'm.gguf': 'garbage' })
    await expect(readGgufMetadata(folder.at('m.gguf'))).rejects.toMatchObject({ reason: 'model-file-corrupt' })
    await expect(readGgufMetadata(folder.at('gone.gguf'))).rejects.toMatchObject({ reason: 'model-file-missing' })
  })
})
