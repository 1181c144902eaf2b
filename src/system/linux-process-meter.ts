import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ProcessMemory } from '../spec/memory.ts'
import type { ProcessMeter } from '../spec/system.ts'
import { parseFlatKeyed } from './flat-keyed.ts'
import { readMemoryGroup } from './linux-memory-meter.ts'
import { isAbsence, readOptional } from './optional-file.ts'
import { parsePageBytes, parsePssBytes, parseStatmRssBytes } from './process-memory.ts'

/** Added to a worker's badness when the kernel picks a victim; ours is 0, so a worker goes first. */
const WORKER_OOM_SCORE_ADJ = 500

/** Memory of processes from `/proc`; on systems without it everything is cleanly absent. */
export class LinuxProcessMeter implements ProcessMeter {
  readonly #root: string
  #pageBytes: Promise<number> | undefined
  #oomFile: Promise<string> | undefined

  constructor(root = '/') {
    this.#root = root
  }

  async read(pid: number, options: { readonly withPss?: boolean } = {}): Promise<ProcessMemory | undefined> {
    const statm = await readOptional(this.#proc(pid, 'statm'))
    if (statm === undefined) return undefined
    this.#pageBytes ??= readOptional(join(this.#root, 'proc/self/smaps')).then((text) => parsePageBytes(text ?? ''))
    const rssBytes = parseStatmRssBytes(statm, await this.#pageBytes)
    if (!options.withPss) return { rssBytes }
    const rollup = await readOptional(this.#proc(pid, 'smaps_rollup'))
    const pssBytes = rollup === undefined ? undefined : parsePssBytes(rollup)
    return pssBytes === undefined ? { rssBytes } : { rssBytes, pssBytes }
  }

  async preferAsOomVictim(pid: number): Promise<void> {
    try {
      await writeFile(this.#proc(pid, 'oom_score_adj'), String(WORKER_OOM_SCORE_ADJ))
    } catch (error) {
      // The process has ended, or the system has no such thing; neither needs an answer.
      if (!isAbsence(error)) throw error
    }
  }

  async oomKillCount(): Promise<number | undefined> {
    this.#oomFile ??= this.#findOomFile()
    const text = await readOptional(await this.#oomFile)
    return text === undefined ? undefined : parseFlatKeyed(text).get('oom_kill')
  }

  /** Our own group's counter where there is one: the machine's would blame others' kills on a worker. */
  async #findOomFile(): Promise<string> {
    const group = readMemoryGroup(this.#root)
    const own = group?.folders[0]
    if (own === undefined) return join(this.#root, 'proc/vmstat')
    const file = join(this.#root, own, group?.version === 1 ? 'memory.oom_control' : 'memory.events')
    const text = await readOptional(file)
    return text !== undefined && parseFlatKeyed(text).has('oom_kill') ? file : join(this.#root, 'proc/vmstat')
  }

  #proc(pid: number, file: string): string {
    return join(this.#root, 'proc', String(pid), file)
  }
}
