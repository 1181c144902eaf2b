/** What `/proc/<pid>/stat` (proc(5)) says of a process. */
export interface ProcessStat {
  /** It has ended, and nobody has taken note of it yet. */
  readonly hasEnded: boolean
  readonly parentPid: number
  /** Of the group that it belongs to; its own pid when it leads one. */
  readonly groupId: number
  /** CPU time that it took so far, in user and kernel mode, in clock ticks (of 10 ms on every Linux). */
  readonly cpuTicks: number
  /** When it was started, in clock ticks since boot. With the pid it names one process for good. */
  readonly startTicks: string
}

/** `undefined` where the text is empty or cut. */
export function parseProcessStat(text: string): ProcessStat | undefined {
  // The command's name stands in parentheses and may hold anything; the fields go on after the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state, parent, group] = fields
  const startTicks = fields[19]
  if (state === undefined || startTicks === undefined) return undefined
  return {
    hasEnded: state === 'Z' || state === 'X',
    parentPid: Number(parent),
    groupId: Number(group),
    cpuTicks: Number(fields[11]) + Number(fields[12]),
    startTicks,
  }
}
