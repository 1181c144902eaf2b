import { stat } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { TemporaryFolder } from '../../test/support/system-ground.ts'
import { daemonFilePath, readDaemonFile, removeDaemonFile, writeDaemonFile } from './daemon-file.ts'

const RECORD = { pid: 42, url: 'http://127.0.0.1:11500', version: '0.1.0', startedAtMs: 1_700_000_000_000 }

test('what was written is read, from the file’s place in the state folder, its owner’s only', async () => {
  await using home = await TemporaryFolder.make()
  await writeDaemonFile(home.path, RECORD)
  expect(await readDaemonFile(home.path)).toEqual(RECORD)
  expect(daemonFilePath(home.path)).toBe(home.at('daemon.json'))
  expect((await stat(home.at('daemon.json'))).mode & 0o777).toBe(0o600)
})

test('the last one written counts', async () => {
  await using home = await TemporaryFolder.make()
  await writeDaemonFile(home.path, RECORD)
  await writeDaemonFile(home.path, { ...RECORD, pid: 43 })
  expect(await readDaemonFile(home.path)).toEqual({ ...RECORD, pid: 43 })
})

test('removed, it is gone, and removing it again does no harm', async () => {
  await using home = await TemporaryFolder.make()
  await writeDaemonFile(home.path, RECORD)
  await removeDaemonFile(home.path)
  await removeDaemonFile(home.path)
  expect(await readDaemonFile(home.path)).toBeUndefined()
})

test.each([
  ['empty', ''],
  ['cut', '{"pid": 42, "url": "http://127'],
  ['nothing', 'null'],
  ['a text', '"http://127.0.0.1:11500"'],
  ['a list', '[42]'],
  ['without an address', '{"pid": 42}'],
  ['without a process', '{"url": "http://127.0.0.1:11500"}'],
  ['of a process that cannot be', '{"pid": 0, "url": "http://127.0.0.1:11500"}'],
  ['of a group of processes', '{"pid": -42, "url": "http://127.0.0.1:11500"}'],
  ['of half a process', '{"pid": 4.2, "url": "http://127.0.0.1:11500"}'],
  ['with a pid that is a text', '{"pid": "42", "url": "http://127.0.0.1:11500"}'],
  ['with an address of another kind', '{"pid": 42, "url": "file:///etc/passwd"}'],
])('a file that is %s is none', async (_, text) => {
  await using home = await TemporaryFolder.make({ 'daemon.json': text })
  expect(await readDaemonFile(home.path)).toBeUndefined()
})

test.each([
  ['missing', '{"pid": 42, "url": "http://127.0.0.1:1"}'],
  ['garbage', '{"pid": 42, "url": "http://127.0.0.1:1", "version": 5, "startedAtMs": "yesterday"}'],
])('a version and a time that are %s are empty, not garbage', async (_, text) => {
  await using home = await TemporaryFolder.make({ 'daemon.json': text })
  expect(await readDaemonFile(home.path)).toEqual({ pid: 42, url: 'http://127.0.0.1:1', version: '', startedAtMs: 0 })
})
