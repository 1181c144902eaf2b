import { expect, test } from 'vitest'
import { TemporaryFolder } from '../../test/support/system-ground.ts'
import { readJsonFile } from './json-file.ts'

test.each([
  ['{"a": [1, null]}', { a: [1, null] }],
  ['null', null],
  ['0', 0],
  ['"text"\n', 'text'],
])('%s is read', async (text, value) => {
  await using folder = await TemporaryFolder.make({ 'file.json': text })
  expect(await readJsonFile(folder.at('file.json'))).toEqual(value)
})

test.each([[''], ['{'], ['{"a": 1'], ['\0\0\0'], ['{"a": 1} and more']])(
  '%j holds nothing: what it held can be made anew',
  async (text) => {
    await using folder = await TemporaryFolder.make({ 'file.json': text })
    expect(await readJsonFile(folder.at('file.json'))).toBeUndefined()
  },
)

test('a file that is not there holds nothing; a folder in its place is a failure', async () => {
  await using folder = await TemporaryFolder.make()
  expect(await readJsonFile(folder.at('file.json'))).toBeUndefined()
  await expect(readJsonFile(folder.path)).rejects.toMatchObject({ code: 'EISDIR' })
})
