import { join } from 'node:path'
import { writeFileAtomic } from './atomic-file.ts'
import { readJsonFile } from './json-file.ts'
import { isAbsence, readOptional } from './optional-file.ts'

/**
 * When a process was started, in clock ticks since boot: field 22 of `/proc/<pid>/stat` (proc(5)). With the pid it
 * names one process for good; a pid alone may have been given to another one.
 */
export function parseStartTicks(stat: string): string | undefined {
  // The command's name stands in parentheses and may hold anything; the fields go on after the last one.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
}

/** False when it ended by itself in this very moment. */
function kill(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (isAbsence(error)) return false
    throw error
  }
}

/**
 * Remembers the engine processes of a daemon, so that the next start ends those that outlived a killed one. (A worker
 * ends by itself when its parent goes; a stopped one cannot.)
 */
export class WorkerRegistry {
  readonly #path: string
  readonly #workers = new Map<number, string>()
  #writing: Promise<void> = Promise.resolve()
  #isClosed = false

  constructor(stateFolder: string) {
    this.#path = join(stateFolder, 'workers.json')
  }

  /** Ends what a former daemon left behind; returns the pids. */
  async reap(): Promise<number[]> {
    const json = await readJsonFile(this.#path)
    const reaped: number[] = []
    for (const [name, startTicks] of Object.entries(typeof json === 'object' && json !== null ? json : {})) {
      const pid = Number(name)
      const stat = await readOptional(`/proc/${pid}/stat`)
      if (stat === undefined || parseStartTicks(stat) !== startTicks) continue
      if (kill(pid)) reaped.push(pid)
    }
    await this.#write()
    return reaped
  }

  async add(pid: number): Promise<void> {
    const stat = await readOptional(`/proc/${pid}/stat`)
    const startTicks = stat === undefined ? undefined : parseStartTicks(stat)
    if (startTicks === undefined) return
    this.#workers.set(pid, startTicks)
    await this.#write()
  }

  async remove(pid: number): Promise<void> {
    if (this.#workers.delete(pid)) await this.#write()
  }

  /** Nothing is written from now on: the state folder may belong to another process already. */
  close(): void {
    this.#isClosed = true
  }

  #write(): Promise<void> {
    const write = async (): Promise<void> => {
      if (!this.#isClosed) await writeFileAtomic(this.#path, JSON.stringify(Object.fromEntries(this.#workers)))
    }
    this.#writing = this.#writing.then(write, write)
    return this.#writing
  }
}
