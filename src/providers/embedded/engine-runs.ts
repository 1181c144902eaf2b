import { AnswerChannel } from '../../spec/answer-channel.ts'
import type { Embeddings, GenerateChunk, GenerateRequest } from '../../spec/chat.ts'
import type { ModelId } from '../../spec/model.ts'
import { givenUp } from '../giving-up.ts'
import type { EmbeddedStates, RunEnd } from './embedded-states.ts'
import type { EngineProcess } from './engine-process.ts'
import type { ThreadBudget } from './thread-budget.ts'

export interface EngineRunsOptions {
  readonly threads: ThreadBudget
  /** Absent = states are not kept on disk. */
  readonly states: EmbeddedStates | undefined
  /** A run is over, and its threads are free. */
  readonly onOver: () => void
}

/** Requests on their way through engine processes, each within the threads that are there for it. */
export class EngineRuns {
  readonly #options: EngineRunsOptions

  constructor(options: EngineRunsOptions) {
    this.#options = options
  }

  generate(
    process: EngineProcess,
    modelId: ModelId,
    request: GenerateRequest,
    signal: AbortSignal,
  ): AsyncIterable<GenerateChunk> {
    let cancel = (): void => {}
    const channel = new AnswerChannel<GenerateChunk>(() => cancel())
    const stop = new AbortController()
    cancel = () => stop.abort()
    const abort = (): void => {
      channel.fail(givenUp())
      cancel()
    }
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
    void this.#run(process, modelId, request, channel, stop.signal).finally(() =>
      signal.removeEventListener('abort', abort),
    )
    return channel
  }

  /** Rejects with `request-cancelled`, and as the engine says. */
  async embed(
    process: EngineProcess,
    modelId: ModelId,
    inputs: readonly string[],
    signal: AbortSignal,
  ): Promise<Embeddings> {
    const { threads, onOver } = this.#options
    await threads.acquire(process)
    try {
      if (signal.aborted) throw givenUp()
      return await new Promise<Embeddings>((resolve, reject) => {
        const cancel = process.embed(modelId, inputs, {
          part: () => {},
          end: (message) => {
            if (message.type === 'embedded') resolve(message.embeddings)
          },
          cancelled: () => reject(givenUp()),
          failed: reject,
        })
        signal.addEventListener('abort', cancel, { once: true })
      })
    } finally {
      threads.release(process)
      onOver()
    }
  }

  async #run(
    process: EngineProcess,
    modelId: ModelId,
    request: GenerateRequest,
    channel: AnswerChannel<GenerateChunk>,
    stop: AbortSignal,
  ): Promise<void> {
    const { threads, states, onOver } = this.#options
    let end: RunEnd | undefined
    states?.runBegins(modelId)
    await threads.acquire(process)
    try {
      if (stop.aborted) return
      // Held until the worker says that it is over: a cancelled run still uses its threads for one slice.
      await new Promise<void>((over) => {
        const cancel = process.generate(modelId, request, {
          part: (part) => {
            channel.push(part)
            states?.runSpeaks(modelId)
          },
          end: (message) => {
            if (message.type !== 'end') return
            const { finishReason, stoppedBy, usage, prefillMs, decodeMs, restored } = message
            end = message
            const stopped = stoppedBy !== undefined && { stoppedBy }
            const gained = restored && { restored }
            channel.push({ type: 'end', finishReason, ...stopped, usage, prefillMs, decodeMs, ...gained })
            channel.end()
            over()
          },
          cancelled: over,
          failed: (error) => {
            channel.fail(error)
            over()
          },
        })
        stop.addEventListener('abort', cancel, { once: true })
      })
    } finally {
      threads.release(process)
      states?.runEnds(modelId, end)
      onOver()
    }
  }
}
