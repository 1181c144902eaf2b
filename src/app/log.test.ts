import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { hasLog, LogFile, openLog } from './log.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'grym-log-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
})

describe('the log', () => {
  test('is JSON lines that only its owner can read', async () => {
    expect(hasLog(folder)).toBe(false)
    openLog(folder, 'info').info({ errorId: 'err_1' }, 'it happened')
    const path = join(folder, 'grym.log')
    expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({ errorId: 'err_1', msg: 'it happened' })
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(hasLog(folder)).toBe(true)
  })

  test('never holds a secret', async () => {
    openLog(folder, 'info').info({ headers: { authorization: 'Bearer s3cret' }, pull: { token: 's3cret' } }, 'x')
    expect(await readFile(join(folder, 'grym.log'), 'utf8')).not.toContain('s3cret')
  })

  test('that has grown too large is set aside at the next start', async () => {
    await writeFile(join(folder, 'grym.log'), 'x'.repeat(10_000_001))
    openLog(folder, 'info').info('fresh')
    expect((await stat(join(folder, 'grym.log.1'))).size).toBe(10_000_001)
    expect((await stat(join(folder, 'grym.log'))).size).toBeLessThan(1_000)
  })
})

test('a full disk costs lines, not the daemon', () => {
  const full = new LogFile('/dev/full')
  for (let line = 0; line < 3; line++) full.write('{"msg":"lost"}\n')
  full.close()
  expect(hasLog('/dev')).toBe(false)
})
