import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { isAbsence, readKernelFile } from './optional-file.ts'
import { parseProcessStat, type ProcessStat } from './process-stat.ts'

/** One process for good: a pid alone may be given to another one later. */
export interface RunnerProcess {
  readonly pid: number
  /** Field 22 of `/proc/<pid>/stat`. */
  readonly startTicks: string
}

/** Where the processes of Ollama's models are found. */
export interface RunnerFinder {
  /**
   * The one process that holds the weights of this file, which is named as the server names it. `undefined` where none is
   * found, or several: servers with one store for all of them cannot be told apart.
   */
  find(weightsPath: string): Promise<RunnerProcess | undefined>
  isAlive(process: RunnerProcess): boolean
  /** CPU time that it took so far, in ticks of 10 ms; `undefined` once it is gone. */
  cpuTicks(process: RunnerProcess): number | undefined
}

/**
 * The processes in which an Ollama on this machine runs its models, from `/proc`: children of a program called `ollama…`
 * with the file of the weights in their command line (`ollama runner --model …/sha256-…`, from 0.30 on
 * `llama-server --model …/sha256-…`). On systems without `/proc` there are none.
 */
export class OllamaRunners implements RunnerFinder {
  readonly #root: string

  constructor(root = '/') {
    this.#root = root
  }

  async find(weightsPath: string): Promise<RunnerProcess | undefined> {
    const found: RunnerProcess[] = []
    for (const name of await this.#pids()) {
      const commandLine = readKernelFile(this.#proc(name, 'cmdline'))
      if (commandLine === undefined || !isRunnerOf(commandLine, weightsPath)) continue
      const stat = this.#stat(name)
      if (!stat || stat.hasEnded || !this.#isOllama(stat.parentPid)) continue
      found.push({ pid: Number(name), startTicks: stat.startTicks })
    }
    return found.length === 1 ? found[0] : undefined
  }

  isAlive(process: RunnerProcess): boolean {
    return this.cpuTicks(process) !== undefined
  }

  cpuTicks({ pid, startTicks }: RunnerProcess): number | undefined {
    const stat = this.#stat(String(pid))
    return stat && !stat.hasEnded && stat.startTicks === startTicks ? stat.cpuTicks : undefined
  }

  #isOllama(pid: number): boolean {
    return readKernelFile(this.#proc(String(pid), 'comm'))?.startsWith('ollama') === true
  }

  #stat(pid: string): ProcessStat | undefined {
    return parseProcessStat(readKernelFile(this.#proc(pid, 'stat')) ?? '')
  }

  async #pids(): Promise<readonly string[]> {
    try {
      return (await readdir(join(this.#root, 'proc'))).filter((name) => /^\d+$/.test(name))
    } catch (error) {
      if (isAbsence(error)) return []
      throw error
    }
  }

  #proc(pid: string, file: string): string {
    return join(this.#root, 'proc', pid, file)
  }
}

/** Arguments are separated by NUL; the one after `--model` is the path of the blob. */
function isRunnerOf(commandLine: string, weightsPath: string): boolean {
  const words = commandLine.split('\0')
  return words.includes('--model') && words[words.indexOf('--model') + 1] === weightsPath
}
