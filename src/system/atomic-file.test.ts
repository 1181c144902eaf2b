import type { FileHandle } from 'node:fs/promises'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { TemporaryFolder } from '../../test/support/system-ground.ts'
import { ResourceError } from '../spec/errors.ts'
import { asDiskFull, writeCacheFile, writeFileAtomic } from './atomic-file.ts'

/** What the disk does to the next calls; a full one cannot be had without being root. */
const disk = vi.hoisted((): { mkdir?: Error; write?: Error } => ({}))

vi.mock('node:fs/promises', async (load) => {
  const real = await load<typeof import('node:fs/promises')>()
  return {
    ...real,
    mkdir: async (...call: Parameters<typeof real.mkdir>) => {
      if (disk.mkdir) throw disk.mkdir
      return real.mkdir(...call)
    },
    open: async (...call: Parameters<typeof real.open>): Promise<FileHandle> => {
      const file = await real.open(...call)
      const { write: failure } = disk
      if (failure) {
        file.writeFile = async () => {
          await file.write('cut')
          throw failure
        }
      }
      return file
    },
  }
})

afterEach(() => {
  delete disk.mkdir
  delete disk.write
})

function fault(code: string): Error {
  return Object.assign(new Error(`${code}: from the test`), { code })
}

describe('a file', () => {
  test('is written where there was none, in folders that did not exist', async () => {
    await using folder = await TemporaryFolder.make()
    await writeFileAtomic(folder.at('a/b/c.json'), 'text')
    expect(await readFile(folder.at('a/b/c.json'), 'utf8')).toBe('text')
  })

  test('replaces the one before, shorter or longer, with bytes or text', async () => {
    await using folder = await TemporaryFolder.make({ file: 'a long text that was here before' })
    await writeFileAtomic(folder.at('file'), new Uint8Array([0, 255, 10]))
    expect([...(await readFile(folder.at('file')))]).toEqual([0, 255, 10])
    await writeFileAtomic(folder.at('file'), '')
    expect(await readFile(folder.at('file'), 'utf8')).toBe('')
  })

  test('belongs to its owner only, unless told otherwise', async () => {
    await using folder = await TemporaryFolder.make({ open: 'x' })
    await writeFileAtomic(folder.at('sub/secret'), 'x')
    await writeFileAtomic(folder.at('open'), 'x', { mode: 0o640 })
    const modeOf = async (name: string): Promise<number> => (await stat(folder.at(name))).mode & 0o777
    expect(await modeOf('sub')).toBe(0o700)
    expect(await modeOf('sub/secret')).toBe(0o600)
    expect((await modeOf('open')) & ~0o640).toBe(0)
  })

  test('is whole at every moment, old or new, for whoever reads while it is written', async () => {
    await using folder = await TemporaryFolder.make()
    const contents = ['a'.repeat(300_000), 'b'.repeat(500_000)]
    await writeFileAtomic(folder.at('file'), contents[0] ?? '')
    const writing = { isOver: false }
    const write = async (): Promise<void> => {
      for (let turn = 0; turn < 20; turn++) await writeFileAtomic(folder.at('file'), contents[turn % 2] ?? '')
      writing.isOver = true
    }
    const written = write()
    let reads = 0
    while (!writing.isOver) {
      expect(contents).toContain(await readFile(folder.at('file'), 'utf8'))
      reads += 1
    }
    await written
    expect(reads).toBeGreaterThan(0)
  })

  test('written by many at once is one of theirs, and nothing else is left', async () => {
    await using folder = await TemporaryFolder.make()
    const texts = Array.from({ length: 20 }, (_, index) => `${index}`.repeat(1_000))
    await Promise.all(texts.map((text) => writeFileAtomic(folder.at('file'), text)))
    expect(texts).toContain(await readFile(folder.at('file'), 'utf8'))
    expect(await readdir(folder.path)).toEqual(['file'])
  })
})

describe('a write that fails', () => {
  test('in the middle leaves the old file whole, and nothing beside it', async () => {
    await using folder = await TemporaryFolder.make({ file: 'old' })
    disk.write = fault('EIO')
    await expect(writeFileAtomic(folder.at('file'), 'newer text')).rejects.toThrow('EIO: from the test')
    expect(await readFile(folder.at('file'), 'utf8')).toBe('old')
    expect(await readdir(folder.path)).toEqual(['file'])
  })

  test('at the last step leaves nothing beside what stands in the way', async () => {
    await using folder = await TemporaryFolder.make({ 'file/in the way': '' })
    await expect(writeFileAtomic(folder.at('file'), 'text')).rejects.toThrow(/EISDIR|ENOTEMPTY|EEXIST/)
    expect(await readdir(folder.path)).toEqual(['file'])
    expect(await readdir(folder.at('file'))).toEqual(['in the way'])
  })

  test('because a file stands where a folder should be says so', async () => {
    await using folder = await TemporaryFolder.make({ file: '' })
    await expect(writeFileAtomic(folder.at('file/below'), 'text')).rejects.toThrow(/ENOTDIR|EEXIST/)
  })
})

describe('a full disk', () => {
  test.each(['mkdir', 'write'] as const)('met by %s is `disk-full`, and nothing is left behind', async (call) => {
    await using folder = await TemporaryFolder.make()
    disk[call] = fault('ENOSPC')
    const failure: unknown = await writeFileAtomic(folder.at('file'), 'text').catch((error: unknown) => error)
    expect(failure).toMatchObject({ reason: 'disk-full', httpStatus: 507, cause: disk[call] })
    expect(await readdir(folder.path)).toEqual([])
  })

  test('a real one, /dev/full, is told with its folder and the next step', async () => {
    const failure: unknown = await writeFile('/dev/full', 'text').catch((error: unknown) => error)
    const told = asDiskFull(failure, '/some/folder')
    expect(told).toBeInstanceOf(ResourceError)
    expect(told).toMatchObject({
      reason: 'disk-full',
      message:
        'No room is left on the disk of /some/folder. Free space, or set GRYM_HOME or GRYM_MODELS to another disk.',
      cause: failure,
    })
  })

  test('a quota that is used up is one too', () => {
    expect(asDiskFull(fault('EDQUOT'), '/folder')).toMatchObject({ reason: 'disk-full' })
  })

  test.each([[fault('EACCES')], [new Error('ENOSPC')], ['ENOSPC'], [undefined], [{ code: 'ENOSPC' }]])(
    'is not made of another failure: %o stays itself',
    (error) => {
      expect(asDiskFull(error, '/folder')).toBe(error)
    },
  )
})

describe('a file that can be made anew', () => {
  test('is not written where there is no room, and nobody fails for it', async () => {
    await using folder = await TemporaryFolder.make()
    disk.write = fault('ENOSPC')
    await writeCacheFile(folder.at('cache.json'), '{}')
    expect(await readdir(folder.path)).toEqual([])
  })

  test('that cannot be written for another reason says so', async () => {
    await using folder = await TemporaryFolder.make()
    disk.write = fault('EIO')
    await expect(writeCacheFile(folder.at('cache.json'), '{}')).rejects.toThrow('EIO')
  })
})
