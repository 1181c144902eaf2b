import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, onTestFinished, test } from 'vitest'
import { groupMembers, ProcessGroup } from './process-group.ts'
import { SystemClock } from './system-clock.ts'

const clock = new SystemClock()

function start(script: string, environment: Record<string, string> = {}): ProcessGroup {
  const group = new ProcessGroup({ clock, command: ['/bin/sh', '-c', script], environment })
  onTestFinished(() => group.stop(0))
  return group
}

/** The first lines that it prints. */
async function printed(group: ProcessGroup, count = 1): Promise<readonly string[]> {
  while (group.output.lines.length < count) await new Promise((resolve) => setTimeout(resolve, 2))
  return group.output.lines
}

describe('a group', () => {
  test('is a program and all that it starts', async () => {
    const group = start('sleep 600 & sleep 600 & echo ready; wait')
    await printed(group)
    expect(group.pids()).toHaveLength(3)
    expect(group.pids()).toContain(group.pid)
    expect(group.end).toBeUndefined()
  })

  test('has the environment that it is given, and no other', async () => {
    process.env['GRYM_TEST_LEAK'] = 'x'
    onTestFinished(() => void delete process.env['GRYM_TEST_LEAK'])
    const group = start('echo "$A-$GRYM_TEST_LEAK"', { A: 'a' })
    expect(await printed(group)).toEqual(['a-'])
  })

  test('tells how its program ended', async () => {
    expect(await start('exit 3').ended).toEqual({ code: 3, signal: null })
    expect(await start('kill -9 $$').ended).toEqual({ code: null, signal: 'SIGKILL' })
  })

  test('that cannot be started says why', async () => {
    const group = new ProcessGroup({ clock, command: ['/no/such/program'], environment: {} })
    expect(await group.ended).toMatchObject({ error: { code: 'ENOENT' } })
    expect(group.pid).toBeUndefined()
    expect(group.pids()).toEqual([])
    await group.stop(1_000)
  })

  test('is asked to end, and all of it is gone', async () => {
    const group = start('sleep 600 & trap "echo asked; exit 0" TERM; echo ready; wait')
    await printed(group)
    const startedAtMs = clock.nowMs()
    await group.stop(20_000)
    expect(group.pids()).toEqual([])
    expect(group.end).toEqual({ code: 0, signal: null })
    expect(clock.nowMs() - startedAtMs).toBeLessThan(10_000)
  })

  test('that does not end by itself is killed after the grace, stopped members among it', async () => {
    const group = start(
      'trap "" TERM; sh -c \'trap "" TERM; kill -STOP $$; sleep 600\' & echo ready; while :; do sleep 1; done',
    )
    await printed(group)
    await group.stop(50)
    expect(group.pids()).toEqual([])
    expect(group.end).toEqual({ code: null, signal: 'SIGKILL' })
  })

  test('whose program has ended may live on, and ends when it is stopped', async () => {
    const group = start('sleep 600 & echo ready')
    expect(await group.ended).toEqual({ code: 0, signal: null })
    expect(group.pids()).toHaveLength(1)
    await group.stop(5_000)
    expect(group.pids()).toEqual([])
  })
})

describe('a group of a program that ends', () => {
  /** Runs a program that has started a group, which ignores SIGTERM, and does this then; tells the group's id. */
  async function programThat(then: string): Promise<number> {
    const script = `
      import { ProcessGroup } from ${JSON.stringify(new URL('./process-group.ts', import.meta.url).href)}
      import { SystemClock } from ${JSON.stringify(new URL('./system-clock.ts', import.meta.url).href)}
      const command = ['/bin/sh', '-c', 'trap "" TERM; sleep 600 & echo ready; while :; do sleep 1; done']
      const group = new ProcessGroup({ clock: new SystemClock(), command, environment: {} })
      while (group.output.lines.length === 0) await new Promise((resolve) => setTimeout(resolve, 2))
      console.log(group.pid)
      ${then}`
    const program = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    let printedText = ''
    program.stdout.on('data', (text) => (printedText += String(text)))
    await once(program, 'close')
    return Number(printedText)
  }

  test.each([
    ['with nothing left to do', ''],
    ['at once', 'process.exit(0)'],
    ['by an error', 'throw new Error()'],
    ['while it is stopped', 'void group.stop(60_000); process.exit(0)'],
    ['when it was stopped, which holds it until that is done', 'void group.stop(50)'],
  ])('%s ends with it', async (_, then) => {
    const groupId = await programThat(then)
    expect(groupId).toBeGreaterThan(0)
    // Killed before the program was gone; how soon the kernel is through with them is its own affair.
    while ((groupMembers(groupId) ?? []).length > 0) await new Promise((resolve) => setTimeout(resolve, 2))
  })

  test('is asked before the call returns', async () => {
    const group = start('trap "echo asked; exit 0" TERM; echo ready; while :; do sleep 0.01; done')
    await printed(group)
    expect(group.ask()).toBe(true)
    expect(await group.ended).toEqual({ code: 0, signal: null })
    await group.stop(5_000)
    // Once, though it was stopped as well. (The shell tells of its child, too, when that got the signal first.)
    expect(group.output.lines.filter((line) => line === 'asked')).toHaveLength(1)
  })
})
