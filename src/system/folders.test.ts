import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { TemporaryFolder } from '../../test/support/system-ground.ts'
import { prepareFolders, stateFolder } from './folders.ts'

const homeFolder = '/home/you'

describe('the folder that holds everything grym writes', () => {
  test.each([
    ['Linux', { platform: 'linux' as const }, ['.local', 'share', 'grym']],
    ['any other Unix', { platform: 'freebsd' as const }, ['.local', 'share', 'grym']],
    ['macOS', { platform: 'darwin' as const }, ['Library', 'Application Support', 'grym']],
    ['Windows', { platform: 'win32' as const }, ['AppData', 'Local', 'grym']],
  ])('on %s is the platform’s place for a program’s data', (_, hints, place) => {
    expect(stateFolder({ ...hints, homeFolder })).toBe(join(homeFolder, ...place))
  })

  test('on Linux follows XDG_DATA_HOME, on Windows LOCALAPPDATA, and neither elsewhere', () => {
    const hints = { homeFolder, xdgDataHome: '/data', localAppData: '/local' }
    expect(stateFolder({ ...hints, platform: 'linux' })).toBe(join('/data', 'grym'))
    expect(stateFolder({ ...hints, platform: 'win32' })).toBe(join('/local', 'grym'))
    expect(stateFolder({ ...hints, platform: 'darwin' })).toBe(
      join(homeFolder, 'Library', 'Application Support', 'grym'),
    )
  })

  test.each(['linux', 'darwin', 'win32'] as const)('on %s is GRYM_HOME before anything else', (platform) => {
    const hints = { homeFolder, xdgDataHome: '/data', localAppData: '/local', grymHome: '/mine' }
    expect(stateFolder({ ...hints, platform })).toBe('/mine')
  })

  test('does not follow an empty variable: it would lie in the current folder', () => {
    const empty = { homeFolder, grymHome: '', xdgDataHome: '', localAppData: '' }
    for (const platform of ['linux', 'darwin', 'win32'] as const) {
      expect(stateFolder({ ...empty, platform })).toBe(stateFolder({ homeFolder, platform }))
    }
  })
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
    await expect(prepareFolders(root.at('grym'))).rejects.toMatchObject({
      code: expect.stringMatching(/EEXIST|ENOTDIR/),
    })
  })
})
