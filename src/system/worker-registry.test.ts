import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { TemporaryFolder } from '../../test/support/system-ground.ts'
import { parseProcessStat } from './process-stat.ts'
import { WorkerRegistry } from './worker-registry.ts'

interface Worker {
  readonly child: ChildProcess
  readonly pid: number
}

async function startWorker(): Promise<Worker> {
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child, 'spawn')
  return { child, pid: child.pid ?? NaN }
}

async function startTicksOf(pid: number): Promise<string | undefined> {
  return parseProcessStat(await readFile(`/proc/${pid}/stat`, 'utf8'))?.startTicks
}

/** Not ended, and no signal is on its way: one would have arrived before the next process has started. */
async function expectAlive({ child, pid }: Worker): Promise<void> {
  await startWorker()
  expect(child.exitCode).toBeNull()
  expect(child.signalCode).toBeNull()
  expect(process.kill(pid, 0)).toBe(true)
}

describe('the next start', () => {
  test('ends a worker that outlived its daemon, and forgets it', async () => {
    await using state = await TemporaryFolder.make()
    const worker = await startWorker()
    await new WorkerRegistry(state.path).add(worker.pid)
    const exit = once(worker.child, 'exit')
    expect(await new WorkerRegistry(state.path).reap()).toEqual([worker.pid])
    expect(await exit).toEqual([null, 'SIGKILL'])
    expect(await new WorkerRegistry(state.path).reap()).toEqual([])
    expect(await readFile(state.at('workers.json'), 'utf8')).toBe('{}')
  })

  test('ends a stopped worker, which could not end by itself', async () => {
    await using state = await TemporaryFolder.make()
    const worker = await startWorker()
    await new WorkerRegistry(state.path).add(worker.pid)
    process.kill(worker.pid, 'SIGSTOP')
    const exit = once(worker.child, 'exit')
    expect(await new WorkerRegistry(state.path).reap()).toEqual([worker.pid])
    expect(await exit).toEqual([null, 'SIGKILL'])
  })

  test('ends all of a group by the process that leads it', async () => {
    await using state = await TemporaryFolder.make()
    const leader = spawn('/bin/sh', ['-c', 'sleep 600 & echo $!; wait'], {
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(() => void leader.kill('SIGKILL'))
    const [printed] = (await once(leader.stdout, 'data')) as [Buffer]
    const [groupId, memberPid] = [leader.pid ?? NaN, Number(printed.toString())]
    expect(parseProcessStat(await readFile(`/proc/${memberPid}/stat`, 'utf8'))?.groupId).toBe(groupId)
    await new WorkerRegistry(state.path).add(groupId)
    const closed = once(leader, 'close')
    expect(await new WorkerRegistry(state.path).reap()).toEqual([groupId])
    // Its output closes when the last one that could write to it is gone.
    expect(await closed).toEqual([null, 'SIGKILL'])
  })

  test('leaves a process alone that got a worker’s pid later', async () => {
    const worker = await startWorker()
    const otherTicks = String(Number(await startTicksOf(worker.pid)) - 1)
    await using state = await TemporaryFolder.make({ 'workers.json': JSON.stringify({ [worker.pid]: otherTicks }) })
    expect(await new WorkerRegistry(state.path).reap()).toEqual([])
    await expectAlive(worker)
  })

  test('leaves a worker alone that was taken off the list', async () => {
    await using state = await TemporaryFolder.make()
    const [kept, removed] = [await startWorker(), await startWorker()]
    const registry = new WorkerRegistry(state.path)
    await Promise.all([registry.add(kept.pid), registry.add(removed.pid)])
    await registry.remove(removed.pid)
    expect(await new WorkerRegistry(state.path).reap()).toEqual([kept.pid])
    await expectAlive(removed)
  })

  test('has nothing to do when the worker ended too', async () => {
    await using state = await TemporaryFolder.make()
    const worker = await startWorker()
    await new WorkerRegistry(state.path).add(worker.pid)
    const exit = once(worker.child, 'exit')
    worker.child.kill('SIGKILL')
    await exit
    expect(await new WorkerRegistry(state.path).reap()).toEqual([])
  })

  test.each([
    ['is not there', undefined],
    ['is empty', ''],
    ['is cut', '{"12'],
    ['is a list', '["5", null]'],
    ['is a text', '"workers"'],
    ['is nothing', 'null'],
    ['holds no pids', '{"abc":"1","-1":"5","0":"0","1.5":"2","":""}'],
    ['holds no times', `{"${process.pid}":null}`],
  ])('ends nothing when the list %s', async (_, text) => {
    await using state = await TemporaryFolder.make(text === undefined ? {} : { 'workers.json': text })
    expect(await new WorkerRegistry(state.path).reap()).toEqual([])
    expect(await readFile(state.at('workers.json'), 'utf8')).toBe('{}')
  })
})

describe('the list', () => {
  test('holds every worker when several start at once', async () => {
    await using state = await TemporaryFolder.make()
    const workers = await Promise.all([startWorker(), startWorker(), startWorker()])
    const registry = new WorkerRegistry(state.path)
    await Promise.all(workers.map(({ pid }) => registry.add(pid)))
    const listed = JSON.parse(await readFile(state.at('workers.json'), 'utf8')) as Record<string, string>
    expect(
      Object.keys(listed)
        .map(Number)
        .sort((a, b) => a - b),
    ).toEqual(workers.map(({ pid }) => pid).sort((a, b) => a - b))
  })

  test('does not take a worker that has ended already, and removing an unknown one writes nothing', async () => {
    await using state = await TemporaryFolder.make()
    const worker = await startWorker()
    const exit = once(worker.child, 'exit')
    worker.child.kill('SIGKILL')
    await exit
    const registry = new WorkerRegistry(state.path)
    await registry.add(worker.pid)
    await registry.remove(worker.pid)
    await expect(readFile(state.at('workers.json'))).rejects.toThrow('ENOENT')
  })
})

test('once closed, nothing is written: the folder may be another one’s', async () => {
  await using folder = await TemporaryFolder.make()
  const registry = new WorkerRegistry(folder.path)
  await registry.add(process.pid)
  const before = await readFile(folder.at('workers.json'), 'utf8')
  registry.close()
  await registry.remove(process.pid)
  expect(await readFile(folder.at('workers.json'), 'utf8')).toBe(before)
})
