import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { TemporaryFolder } from '../../test/support/system-ground.ts'
import { openDatabase } from './sqlite.ts'

test('a database keeps what was written', async () => {
  await using folder = await TemporaryFolder.make()
  const database = await openDatabase(folder.at('file.db'))
  database.exec('CREATE TABLE t (v); INSERT INTO t VALUES (5)')
  database.close()
  const again = await openDatabase(folder.at('file.db'))
  expect(again.prepare('SELECT v FROM t').get()?.['v']).toBe(5)
  again.close()
})

test('people are not told that SQLite is experimental, but every other warning', () => {
  const module = JSON.stringify(new URL('sqlite.ts', import.meta.url).href)
  const script = `
    const { openDatabase } = await import(${module})
    const opening = [openDatabase(':memory:'), openDatabase(':memory:')]
    process.emitWarning('said while it is opened')
    for (const database of await Promise.all(opening)) database.close()
    process.emitWarning('said after that')
    process.stdout.write(process.emitWarning.name)`
  const args = ['--input-type=module', '-e', script]
  const { status, stderr, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  expect(status, stderr).toBe(0)
  expect(stderr).not.toMatch(/sqlite/i)
  expect(stderr).toContain('said while it is opened')
  expect(stderr).toContain('said after that')
  expect(stdout, 'what was replaced meanwhile is put back').toContain('emitWarning')
})
