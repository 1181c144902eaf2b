import { readFile, stat } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { TemporaryFolder } from '../../test/support/system-ground.ts'
import { prepareFolders } from './folders.ts'

test('where no folder can be made it is said, and does not go on for ever', async () => {
  await expect(prepareFolders('/proc/nowhere/at/all')).rejects.toThrow(/cannot be made \((ENOENT|EACCES|EPERM)/)
})

describe('what belongs in it', () => {
  test('is made with it, for its owner only', async () => {
    await using root = await TemporaryFolder.make()
    const folders = await prepareFolders(root.at('a/grym'))
    expect(folders).toEqual({
      home: root.at('a/grym'),
      models: root.at('a/grym/models'),
      state: root.at('a/grym/state'),
      cache: root.at('a/grym/cache'),
      logs: root.at('a/grym/logs'),
    })
    for (const folder of Object.values(folders)) {
      const { mode } = await stat(folder)
      expect(mode & 0o777).toBe(0o700)
    }
  })

  test('stays as it is when it is there already', async () => {
    await using root = await TemporaryFolder.make({ 'models/a.gguf': 'weights' })
    await prepareFolders(root.path)
    await prepareFolders(root.path)
    expect(await readFile(root.at('models/a.gguf'), 'utf8')).toBe('weights')
  })

  test('cannot be made where a file stands', async () => {
    await using root = await TemporaryFolder.make({ grym: '' })
    await expect(prepareFolders(root.at('grym'))).rejects.toThrow(/cannot be made \((EEXIST|ENOTDIR)/)
  })
})
