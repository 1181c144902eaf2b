import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { LoadOptions, LoadResult } from './load-generator.ts'

/** 10,000 latencies are some 200 KB of JSON. */
const MAX_RESULT_BYTES = 67_108_864

/** See `instant-upstream.ts`. */
export class InstantUpstream {
  readonly url: string
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, url: string) {
    this.#child = child
    this.url = url
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  static async start(): Promise<InstantUpstream> {
    const child = spawn(process.execPath, [entry('instant-upstream.ts')], { stdio: ['pipe', 'pipe', 'inherit'] })
    for await (const port of createInterface({ input: child.stdout })) {
      return new InstantUpstream(child, `http://127.0.0.1:${port}`)
    }
    throw new Error('The upstream ended before it listened.')
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return
    this.#child.kill()
    await once(this.#child, 'exit')
  }
}

/** Runs `load-generator.ts` to its end. */
export async function generateLoad(url: string, options: LoadOptions): Promise<LoadResult> {
  const args = [entry('load-generator.ts'), new URL(url).port, JSON.stringify(options)]
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: MAX_RESULT_BYTES })
  return JSON.parse(stdout) as LoadResult
}

function entry(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url))
}
