import type { ProcessMemory } from '../spec/memory.ts'
import type { ProcessMeter } from '../spec/system.ts'
import { runTool } from './run-tool.ts'

const BYTES_PER_KIB = 1_024

/** How a system's program tells the resident memory of one process, bytes. */
export type ReadRss = (pid: number) => Promise<number | undefined>

/**
 * Memory of processes where the kernel has no files about them (macOS, Windows): the resident set, mapped files
 * included. It counts pages that processes share in each of them, and leaves out what was compressed or paged out; a
 * proportional share is not told there.
 */
export class ToolProcessMeter implements ProcessMeter {
  readonly #readRss: ReadRss

  constructor(readRss: ReadRss) {
    this.#readRss = readRss
  }

  async read(pid: number): Promise<ProcessMemory | undefined> {
    const rssBytes = await this.#readRss(pid)
    return rssBytes === undefined ? undefined : { rssBytes }
  }

  async preferAsOomVictim(): Promise<void> {}

  async oomKillCount(): Promise<undefined> {
    return undefined
  }
}

/** `ps -o rss=` of macOS (and of Linux, where it is tested). */
export async function readPsRss(pid: number): Promise<number | undefined> {
  const run = await runTool('ps', ['-o', 'rss=', '-p', String(pid)])
  return run.state === 'done' ? parsePsRss(run.text) : undefined
}

/** One number, KiB; `undefined` once the process is gone. */
export function parsePsRss(text: string): number | undefined {
  const match = /^\s*(\d+)\s*$/.exec(text)
  return match ? Number(match[1]) * BYTES_PER_KIB : undefined
}

export async function readTasklistRss(pid: number): Promise<number | undefined> {
  const run = await runTool('tasklist.exe', ['/FI', `PID eq ${pid}`, '/FO', 'CSV', '/NH'])
  return run.state === 'done' ? parseTasklistRss(run.text, pid) : undefined
}

/**
 * The working set from a line of `tasklist /FO CSV /NH`: name, PID, session, its number, and the size in KiB, written
 * with the separators of the system's language. From Microsoft's documentation, unverified.
 */
export function parseTasklistRss(text: string, pid: number): number | undefined {
  for (const line of text.split(/\r?\n/)) {
    const fields = line.slice(1, -1).split('","')
    const digits = /^[\d\s.,'’\u00a0\u202f]+K$/.test(fields[4] ?? '') ? (fields[4] ?? '').replace(/\D/g, '') : ''
    if (fields.length === 5 && fields[1] === String(pid) && digits !== '') return Number(digits) * BYTES_PER_KIB
  }
  return undefined
}
