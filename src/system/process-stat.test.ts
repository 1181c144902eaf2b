import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { systemText } from '../../test/support/system-ground.ts'
import { parseProcessStat } from './process-stat.ts'

describe('what the kernel says of a process', () => {
  const text = systemText('stat.txt')

  test('is its parent, its group, its CPU time and its start, in a recorded /proc/<pid>/stat', () => {
    const [, parentPid, groupId] = /^\d+ \(.*\) [^ZX] (\d+) (\d+)/.exec(text)?.map(Number) ?? []
    expect(parseProcessStat(text)).toMatchObject({
      hasEnded: false,
      cpuTicks: 2,
      parentPid,
      groupId,
      startTicks: '698717',
    })
    expect(parseProcessStat(text.replace(/\) . /, ') Z '))?.hasEnded).toBe(true)
  })

  test('is found whatever the command’s name holds', () => {
    const tail = text.slice(text.indexOf(')') + 1)
    for (const name of ['(a b)', '(a) b)', '(1 (2) 3) 4 5)', '(()', '())']) {
      expect(parseProcessStat(`7 ${name}${tail}`)).toEqual(parseProcessStat(text))
    }
  })

  test('is unknown in an empty or a cut text', () => {
    for (const cut of ['', '21486 (MainThread)', text.slice(0, 60)]) expect(parseProcessStat(cut)).toBeUndefined()
  })

  test('is the same each time it is asked', async () => {
    const read = async (): Promise<unknown> => parseProcessStat(await readFile('/proc/self/stat', 'utf8'))?.startTicks
    expect(await read()).toBe(await read())
    expect(await read()).toMatch(/^\d+$/)
  })
})
