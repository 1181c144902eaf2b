import { writeFile } from 'node:fs/promises'
import { getLlama, type Llama, LlamaLogLevel, type LlamaModel } from 'node-llama-cpp'
import { ChatTemplate } from '../../src/providers/embedded/worker/chat-template.ts'
import { Generation } from '../../src/providers/embedded/worker/generation.ts'
import { GrammarCache } from '../../src/providers/embedded/worker/grammar-cache.ts'
import { PrefillPace } from '../../src/providers/embedded/worker/prefill-pace.ts'
import type { FromWorker } from '../../src/providers/embedded/worker/protocol.ts'
import { Slot } from '../../src/providers/embedded/worker/slot.ts'
import { WorkerThreads } from '../../src/providers/embedded/worker/worker-threads.ts'
import type { GenerateRequest, TokenUsage } from '../../src/spec/chat.ts'
import { tinyGguf, type TinyGgufOptions } from '../../src/testing/tiny-gguf.ts'
import { TemporaryFolder } from './system-ground.ts'

const CHECKPOINTS = 8

export interface Served {
  readonly text: string
  /** Of each token, by its text. */
  readonly logprobs: readonly number[]
  readonly usage: TokenUsage
}

/** What a worker is made of, in this process: the real engine on generated models. */
export class WorkerGround implements AsyncDisposable {
  readonly llama: Llama
  readonly folder: TemporaryFolder

  private constructor(llama: Llama, folder: TemporaryFolder) {
    this.llama = llama
    this.folder = folder
  }

  static async make(): Promise<WorkerGround> {
    const llama = await getLlama({
      build: 'never',
      skipDownload: true,
      gpu: false,
      maxThreads: 1,
      logLevel: LlamaLogLevel.disabled,
    })
    return new WorkerGround(llama, await TemporaryFolder.make())
  }

  async model(name: string, options: TinyGgufOptions): Promise<LlamaModel> {
    const modelPath = this.folder.at(`${name}.gguf`)
    await writeFile(modelPath, tinyGguf(options))
    return this.llama.loadModel({ modelPath, gpuLayers: 0, ignoreMemorySafetyChecks: true })
  }

  /**
   * Without flash attention: on a CPU that rounds in another way for slices of another size, by up to 2 % of a token's
   * probability, and answers could not be compared closely.
   */
  async slot(model: LlamaModel, contextTokens = 1_024): Promise<Slot> {
    const context = await model.createContext({
      contextSize: contextTokens,
      batchSize: 128,
      sequences: 1,
      ignoreMemorySafetyChecks: true,
      flashAttention: false,
    })
    return new Slot(context, contextTokens, CHECKPOINTS)
  }

  /** One request, greedy. @param stopAt is asked at each message of the run: true cancels it, and nothing is returned. */
  async serve(
    model: LlamaModel,
    slots: readonly Slot[],
    changes: Partial<GenerateRequest>,
    stopAt: (message: FromWorker) => boolean = () => false,
  ): Promise<Served | undefined> {
    const request: GenerateRequest = { messages: [], sampling: { temperature: 0 }, stop: [], ...changes }
    const said: FromWorker[] = []
    const threads = new WorkerThreads()
    threads.attach(this.llama)
    const run: Generation = new Generation({
      ...{ model, slots, request, runId: 1 },
      template: ChatTemplate.of(model),
      grammars: new GrammarCache(this.llama),
      pace: new PrefillPace(),
      threads,
      send: (message) => {
        said.push(message)
        if (stopAt(message)) run.cancel()
      },
    })
    await run.run()
    const end = said.at(-1)
    if (end?.type === 'cancelled') return undefined
    if (end?.type !== 'end') throw new Error(JSON.stringify(end))
    const parts = said.flatMap((message) =>
      message.type === 'part' && message.part.type === 'text' ? message.part : [],
    )
    return {
      text: parts.map(({ text }) => text).join(''),
      logprobs: parts.flatMap(({ logprobs = [] }) => logprobs.map(({ logprob }) => logprob)),
      usage: end.usage,
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.llama.dispose()
    await this.folder[Symbol.asyncDispose]()
  }
}
