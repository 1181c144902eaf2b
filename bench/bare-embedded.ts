import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { BATCH_TOKENS } from '../src/providers/embedded/embedded-provider.ts'
import { usableCores } from '../src/system/cpu-cores.ts'
import { bareWords } from './bare-context.ts'
import type { BareEngine, BareRestored, BareState } from './bare-engine.ts'
import { CONTEXT_TOKENS } from './chat-server.ts'

/** node-llama-cpp in a process of its own for each call: `bare-save.ts` and `bare-restore.ts`. */
export class BareEmbedded implements BareEngine {
  readonly #folder: string
  readonly #words: readonly string[]
  readonly #signal: AbortSignal
  #saved = 0

  /** @param folder where its states lie; @param signal ends its process. */
  constructor(modelPath: string, folder: string, signal: AbortSignal) {
    this.#folder = folder
    this.#signal = signal
    this.#words = bareWords({
      ...{ modelPath, contextTokens: CONTEXT_TOKENS },
      ...{ batchTokens: BATCH_TOKENS, threads: usableCores() },
    })
  }

  async save(question: string): Promise<BareState> {
    const statePath = join(this.#folder, `bare-${++this.#saved}.state`)
    const questionPath = `${statePath}.txt`
    await writeFile(questionPath, question)
    const saved = await this.#run<Saved>('bare-save.ts', [questionPath, statePath])
    return {
      promptTokens: saved.promptTokens,
      restore: () => this.#run<BareRestored>('bare-restore.ts', [statePath, String(saved.lastToken)]),
    }
  }

  async #run<Result>(program: string, words: readonly string[]): Promise<Result> {
    const path = fileURLToPath(new URL(program, import.meta.url))
    const run = promisify(execFile)
    const { stdout } = await run(process.execPath, [path, ...this.#words, ...words], { signal: this.#signal })
    return JSON.parse(stdout) as Result
  }
}

interface Saved {
  readonly promptTokens: number
  readonly lastToken: number
}
