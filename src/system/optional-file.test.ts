import { describe, expect, test } from 'vitest'
import { TemporaryFolder } from '../../test/support/system-ground.ts'
import { isAbsence, readKernelFile, readOptional } from './optional-file.ts'

describe.each([
  ['readOptional', readOptional],
  ['readKernelFile', async (path: string) => readKernelFile(path)],
])('%s', (_, read) => {
  test('gives the text, an empty one too', async () => {
    await using folder = await TemporaryFolder.make({ file: 'text ✓', empty: '' })
    expect(await read(folder.at('file'))).toBe('text ✓')
    expect(await read(folder.at('empty'))).toBe('')
  })

  test('gives nothing for what is not there, or lies below a file', async () => {
    await using folder = await TemporaryFolder.make({ file: '' })
    expect(await read(folder.at('absent'))).toBeUndefined()
    expect(await read(folder.at('absent/deeper'))).toBeUndefined()
    expect(await read(folder.at('file/below'))).toBeUndefined()
  })

  test('throws what is not absence: a folder cannot be read', async () => {
    await using folder = await TemporaryFolder.make()
    await expect(read(folder.path)).rejects.toMatchObject({ code: 'EISDIR' })
  })
})

test.each(['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ENODEV', 'EOPNOTSUPP', 'ESRCH'])('%s is absence', (code) => {
  expect(isAbsence(Object.assign(new Error('from the test'), { code }))).toBe(true)
})

test.each([
  [Object.assign(new Error('from the test'), { code: 'EIO' })],
  [Object.assign(new Error('from the test'), { code: 2 })],
  [new Error('ENOENT')],
  [{ code: 'ENOENT' }],
  ['ENOENT'],
  [undefined],
])('%o is none', (error) => {
  expect(isAbsence(error)).toBe(false)
})
