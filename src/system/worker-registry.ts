import { join } from 'node:path'
import { writeFileAtomic } from './atomic-file.ts'
import { readJsonFile } from './json-file.ts'
import { isAbsence, readOptional } from './optional-file.ts'
import { signalGroup } from './process-group.ts'
import { parseProcessStat, type ProcessStat } from './process-stat.ts'

/** With all of its group where it leads one. False when it ended by itself in this very moment. */
function kill(pid: number, { groupId }: ProcessStat): boolean {
  if (groupId === pid) return signalGroup(pid, 'SIGKILL')
  try {
    return process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (isAbsence(error)) return false
    throw error
  }
}

async function readStat(pid: number): Promise<ProcessStat | undefined> {
  const text = await readOptional(`/proc/${pid}/stat`)
  return text === undefined ? undefined : parseProcessStat(text)
}

/**
 * Remembers the engine processes of a daemon, so that the next start ends those that outlived a killed one. (A worker
 * ends by itself when its parent goes, a stopped one cannot; a server that was started by a command does not.)
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
      // A pid alone may have been given to another process.
      const stat = await readStat(pid)
      if (stat && stat.startTicks === startTicks && kill(pid, stat)) reaped.push(pid)
    }
    await this.#write()
    return reaped
  }

  async add(pid: number): Promise<void> {
    const stat = await readStat(pid)
    if (!stat) return
    this.#workers.set(pid, stat.startTicks)
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
