import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { systemText, TemporaryFolder } from '../../test/support/system-ground.ts'
import { LinuxProcessMeter } from './linux-process-meter.ts'

const CGROUP_V1 = {
  'proc/self/cgroup': systemText('cgroup-v1.txt'),
  'proc/self/mountinfo': systemText('mountinfo-v1.txt'),
}
const CGROUP_V2 = {
  'proc/self/cgroup': systemText('cgroup-v2.txt'),
  'proc/self/mountinfo': systemText('mountinfo-v2.txt'),
}

/** A process that stays until the test has ended. */
async function startProcess(): Promise<{ readonly child: ChildProcess; readonly pid: number }> {
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child, 'spawn')
  return { child, pid: child.pid ?? NaN }
}

/** A pid that belonged to a process of ours and to nobody now. */
async function gonePid(): Promise<number> {
  const { child, pid } = await startProcess()
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
  return pid
}

describe('memory of a process', () => {
  test('this very process: about what Node says of it', async () => {
    const meter = new LinuxProcessMeter()
    const memory = await meter.read(process.pid, { withPss: true })
    const rssBytes = process.memoryUsage.rss()
    expect(memory?.rssBytes).toBeGreaterThan(rssBytes * 0.5)
    expect(memory?.rssBytes).toBeLessThan(rssBytes * 2)
    expect(memory?.pssBytes).toBeGreaterThan(0)
    expect(memory?.pssBytes).toBeLessThan(rssBytes * 2)
  })

  test('PSS is only there when asked for', async () => {
    expect(Object.keys((await new LinuxProcessMeter().read(process.pid)) ?? {})).toEqual(['rssBytes'])
  })

  test('a process that is gone has none', async () => {
    const pid = await gonePid()
    expect(await new LinuxProcessMeter().read(pid)).toBeUndefined()
    expect(await new LinuxProcessMeter().read(pid, { withPss: true })).toBeUndefined()
  })

  test('recorded texts: pages of statm, kB of smaps_rollup', async () => {
    await using root = await TemporaryFolder.make({
      'proc/self/smaps': systemText('smaps.txt'),
      'proc/42/statm': systemText('statm.txt'),
      'proc/42/smaps_rollup': systemText('smaps-rollup.txt'),
    })
    const rssBytes = 11_296 * 4_096
    const meter = new LinuxProcessMeter(root.path)
    expect(await meter.read(42, { withPss: true })).toEqual({ rssBytes, pssBytes: 43_876 * 1_024 })
    expect(await meter.read(43)).toBeUndefined()
  })

  test('a machine with larger pages counts in them', async () => {
    await using root = await TemporaryFolder.make({
      'proc/self/smaps': 'KernelPageSize:       64 kB\n',
      'proc/42/statm': '100 10 5 1 0 50 0\n',
    })
    expect(await new LinuxProcessMeter(root.path).read(42)).toEqual({ rssBytes: 10 * 65_536 })
  })

  test('without smaps_rollup, or with a garbled one, only the resident bytes are told', async () => {
    await using root = await TemporaryFolder.make({
      'proc/42/statm': '100 10 5 1 0 50 0\n',
      'proc/43/statm': '100 10 5 1 0 50 0\n',
      'proc/43/smaps_rollup': 'Pss: lots\n',
    })
    const meter = new LinuxProcessMeter(root.path)
    expect(await meter.read(42, { withPss: true })).toEqual({ rssBytes: 10 * 4_096 })
    expect(await meter.read(43, { withPss: true })).toEqual({ rssBytes: 10 * 4_096 })
  })
})

describe('the kernel’s victim when memory runs out', () => {
  test('is a worker before us: its oom_score_adj is raised, ours is not', async () => {
    const { pid } = await startProcess()
    const own = await readFile('/proc/self/oom_score_adj', 'utf8')
    await new LinuxProcessMeter().preferAsOomVictim(pid)
    expect(await readFile(`/proc/${pid}/oom_score_adj`, 'utf8')).toBe('500\n')
    expect(await readFile('/proc/self/oom_score_adj', 'utf8')).toBe(own)
  })

  test('a process that is gone needs no answer, and neither does a system without such a thing', async () => {
    await expect(new LinuxProcessMeter().preferAsOomVictim(await gonePid())).resolves.toBeUndefined()
    await using root = await TemporaryFolder.make()
    await expect(new LinuxProcessMeter(root.path).preferAsOomVictim(1)).resolves.toBeUndefined()
  })
})

describe('the count of kernel OOM kills', () => {
  const VMSTAT = { 'proc/vmstat': 'pgfault 1\noom_kill 9\n' }

  test('is our own group’s: the machine’s would blame others’ kills on a worker', async () => {
    await using root = await TemporaryFolder.make({
      ...CGROUP_V1,
      ...VMSTAT,
      'sys/fs/cgroup/memory/containers/job-1/memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 3\n',
    })
    expect(await new LinuxProcessMeter(root.path).oomKillCount()).toBe(3)
  })

  test('on v2 it stands in memory.events (unverified: written from the kernel’s documentation)', async () => {
    await using root = await TemporaryFolder.make({
      ...CGROUP_V2,
      ...VMSTAT,
      'sys/fs/cgroup/user.slice/grym.service/memory.events': systemText('memory-events-v2.txt'),
    })
    expect(await new LinuxProcessMeter(root.path).oomKillCount()).toBe(2)
  })

  test('an old kernel’s group does not tell it: the machine’s count it is', async () => {
    await using root = await TemporaryFolder.make({
      ...CGROUP_V1,
      ...VMSTAT,
      'sys/fs/cgroup/memory/containers/job-1/memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\n',
    })
    expect(await new LinuxProcessMeter(root.path).oomKillCount()).toBe(9)
  })

  test('without a group it is the machine’s, and it is read anew each time', async () => {
    await using root = await TemporaryFolder.make(VMSTAT)
    const meter = new LinuxProcessMeter(root.path)
    expect(await meter.oomKillCount()).toBe(9)
    await root.write('proc/vmstat', 'oom_kill 10\n')
    expect(await meter.oomKillCount()).toBe(10)
  })

  test('where nothing tells it, it is unknown, not zero', async () => {
    await using empty = await TemporaryFolder.make()
    expect(await new LinuxProcessMeter(empty.path).oomKillCount()).toBeUndefined()
    await using old = await TemporaryFolder.make({ 'proc/vmstat': 'pgfault 1\n' })
    expect(await new LinuxProcessMeter(old.path).oomKillCount()).toBeUndefined()
  })
})
