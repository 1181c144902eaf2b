import { writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TemporaryFolder } from '../../test/support/system-ground.ts'
import { tokensOfStateFile } from './llama-cpp-state-file.ts'

let folder: TemporaryFolder
const TOKENS = [7, 259, 1_000_000]

beforeAll(async () => {
  folder = await TemporaryFolder.make()
})

afterAll(() => folder[Symbol.asyncDispose]())

async function written(content: Buffer): Promise<string> {
  const path = folder.at('state')
  await writeFile(path, content)
  return path
}

/** As llama.cpp begins such a file (recorded from node-llama-cpp 3.21.1): `qsgg`, 3, the number of tokens, the tokens. */
function stateFile(tokens: readonly number[]): Buffer {
  const content = Buffer.alloc(12 + 4 * tokens.length + 8)
  content.write('qsgg')
  for (const [index, word] of [3, tokens.length, ...tokens].entries()) content.writeUInt32LE(word, 4 + 4 * index)
  return content
}

test('its tokens are read, as many as there is room for', async () => {
  const path = await written(stateFile(TOKENS))
  expect([...(await tokensOfStateFile(path, 4))]).toEqual(TOKENS)
  expect([...(await tokensOfStateFile(path, 3))]).toEqual(TOKENS)
  await expect(tokensOfStateFile(path, 2)).rejects.toThrow('holds 3 tokens, and the window has room for 2')
})

test('a file that is cut, empty or something else is told as such', async () => {
  const whole = stateFile(TOKENS)
  await expect(tokensOfStateFile(await written(whole.subarray(0, 23)), 9)).rejects.toThrow('ends within its tokens')
  expect([...(await tokensOfStateFile(await written(whole.subarray(0, 24)), 9))]).toEqual(TOKENS)
  for (const content of [whole.subarray(0, 11), Buffer.alloc(0), Buffer.from('Dear engine, this is a letter.')])
    await expect(tokensOfStateFile(await written(content), 9)).rejects.toThrow('not a state of this engine')
})

test('a number of tokens that no file has room for is not believed', async () => {
  const content = stateFile([])
  content.writeUInt32LE(0xff_ff_ff_ff, 8)
  await expect(tokensOfStateFile(await written(content), 1_024)).rejects.toThrow('room for 1024')
})
