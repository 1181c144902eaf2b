import type { LlamaModel, Token } from 'node-llama-cpp'
import type { Embeddings } from '../../../spec/chat.ts'
import { resourceError } from '../../../spec/errors.ts'
import type { FromWorker } from './protocol.ts'
import { Cancelled, runFailure } from './run-failure.ts'

export interface EmbeddingOptions {
  readonly model: LlamaModel
  readonly inputs: readonly string[]
  readonly cores: number
  readonly runId: number
  readonly send: (message: FromWorker) => void
}

/** Room for the tokens that the library puts in front and behind. */
const MARGIN_TOKENS = 2

/**
 * One run that embeds texts, one after the other, in a context of its own that goes with it. The whole of a text is one
 * batch: models that attend in both directions need that.
 */
export class Embedding {
  readonly #options: EmbeddingOptions
  #isCancelled = false
  #lastMs = 0

  constructor(options: EmbeddingOptions) {
    this.#options = options
  }

  /** Takes effect at the next text. */
  cancel(): void {
    this.#isCancelled = true
  }

  /** Never rejects: how it ends is said to the host. */
  async run(): Promise<void> {
    const { runId, send } = this.#options
    try {
      send({ type: 'embedded', runId, embeddings: await this.#embed() })
    } catch (error) {
      send(runFailure(runId, error))
    }
  }

  async #embed(): Promise<Embeddings> {
    const { model, inputs, cores } = this.#options
    this.#checkpoint()
    const tokens = inputs.map((input) => model.tokenize(input))
    const longestTokens = Math.max(0, ...tokens.map(({ length }) => length)) + MARGIN_TOKENS
    refuseTooLong(longestTokens, model.trainContextSize)
    const context = await model.createEmbeddingContext({
      contextSize: longestTokens + 1,
      batchSize: longestTokens + 1,
      threads: cores,
      ignoreMemorySafetyChecks: true,
    })
    try {
      const vectors: number[][] = []
      for (const text of tokens) {
        this.#checkpoint()
        const startedAtMs = performance.now()
        vectors.push(unit(await vectorOf(context, text)))
        this.#lastMs = performance.now() - startedAtMs
      }
      return { vectors, promptTokens: tokens.reduce((sum, { length }) => sum + length, 0) }
    } finally {
      await context.dispose()
    }
  }

  #checkpoint(): void {
    if (this.#isCancelled) throw new Cancelled()
    this.#options.send({
      type: 'progress',
      runId: this.#options.runId,
      phase: 'embed',
      expectedMs: this.#lastMs,
    })
  }
}

type EmbeddingContext = Awaited<ReturnType<LlamaModel['createEmbeddingContext']>>

async function vectorOf(context: EmbeddingContext, tokens: Token[]): Promise<readonly number[]> {
  return (await context.getEmbeddingFor(tokens)).vector
}

/** Scaled to length 1, as OpenAI's and Ollama's are, so that a dot product is the cosine. */
export function unit(vector: readonly number[]): number[] {
  const length = Math.hypot(...vector)
  return length === 0 ? [...vector] : vector.map((value) => value / length)
}

function refuseTooLong(tokens: number, windowTokens: number): void {
  if (tokens < windowTokens) return
  const message = `One of the texts has ${tokens} tokens, but the model reads at most ${windowTokens}. Split it into smaller ones.`
  throw resourceError('context-too-long', message, { details: { promptTokens: tokens, contextTokens: windowTokens } })
}
