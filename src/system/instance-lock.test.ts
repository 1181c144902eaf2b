import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, stat } from 'node:fs/promises'
import { expect, onTestFinished, test } from 'vitest'
import { TemporaryFolder } from '../../test/support/system-ground.ts'
import { writeDaemonFile } from './daemon-file.ts'
import { takeInstanceLock } from './instance-lock.ts'

async function makeHome(): Promise<TemporaryFolder> {
  const home = await TemporaryFolder.make()
  await mkdir(home.at('state'))
  return home
}

/** Another process that holds the lock of a state folder until it ends. */
async function holdElsewhere(home: string): Promise<ChildProcess> {
  const module = JSON.stringify(new URL('instance-lock.ts', import.meta.url).href)
  const script = `
    const { takeInstanceLock } = await import(${module})
    globalThis.lock = await takeInstanceLock(${JSON.stringify(home)})
    process.stdout.write('held')
    process.stdin.resume()`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [said] = await once(child.stdout, 'data')
  expect(String(said)).toBe('held')
  return child
}

test('the second to take it is refused, and told which daemon has it', async () => {
  await using home = await makeHome()
  const lock = await takeInstanceLock(home.path)
  await writeDaemonFile(home.path, { pid: 42, url: 'http://127.0.0.1:1', version: '1', startedAtMs: 5 })
  const refused: unknown = await takeInstanceLock(home.path).catch((error: unknown) => error)
  expect(refused).toMatchObject({
    reason: 'instance-running',
    code: 'SYSTEM_ERROR',
    httpStatus: 409,
    details: { pid: 42, url: 'http://127.0.0.1:1' },
    message:
      `Another grym daemon uses ${home.path}. It listens on http://127.0.0.1:1 (pid 42). ` +
      'Use that one, stop it, or set another GRYM_HOME.',
  })
  lock.release()
})

test('a daemon that is not listening yet is not named', async () => {
  await using home = await makeHome()
  const lock = await takeInstanceLock(home.path)
  await expect(takeInstanceLock(home.path)).rejects.toThrow(
    `Another grym daemon uses ${home.path}. Use that one, stop it, or set another GRYM_HOME.`,
  )
  lock.release()
})

test('released, it can be taken again, as often as one likes', async () => {
  await using home = await makeHome()
  for (let turn = 0; turn < 3; turn++) (await takeInstanceLock(home.path)).release()
  const lock = await takeInstanceLock(home.path)
  await expect(takeInstanceLock(home.path)).rejects.toMatchObject({ reason: 'instance-running' })
  lock.release()
})

test('two state folders have two locks', async () => {
  await using one = await makeHome()
  await using other = await makeHome()
  const lock = await takeInstanceLock(one.path)
  await expect(takeInstanceLock(one.path)).rejects.toMatchObject({ reason: 'instance-running' })
  const otherLock = await takeInstanceLock(other.path)
  lock.release()
  await expect(takeInstanceLock(other.path)).rejects.toMatchObject({ reason: 'instance-running' })
  otherLock.release()
})

test('the lock’s file is its owner’s only', async () => {
  await using home = await makeHome()
  const lock = await takeInstanceLock(home.path)
  expect((await stat(home.at('state/instance.lock'))).mode & 0o777).toBe(0o600)
  lock.release()
})

test('a lock file that is something else is told with its path, and not called a running daemon', async () => {
  const garbage = 'no database, but long enough to be told from an empty one. '.repeat(50)
  await using home = await TemporaryFolder.make({ 'state/instance.lock': garbage })
  await expect(takeInstanceLock(home.path)).rejects.toMatchObject({
    reason: 'lock-failed',
    message: expect.stringContaining(home.at('state/instance.lock')),
  })
})

test('a state folder that is missing is no running daemon either', async () => {
  await using home = await TemporaryFolder.make()
  await expect(takeInstanceLock(home.path)).rejects.not.toMatchObject({ reason: 'instance-running' })
})

test('another process that holds it keeps us out, and frees it when it is killed', async () => {
  await using home = await makeHome()
  const child = await holdElsewhere(home.path)
  await expect(takeInstanceLock(home.path)).rejects.toMatchObject({ reason: 'instance-running' })
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  expect(await exit).toEqual([null, 'SIGKILL'])
  const lock = await takeInstanceLock(home.path)
  lock.release()
})
