import { AnswerChannel } from '../spec/answer-channel.ts'
import type { ChatMessage, Embeddings, GenerateChunk, GenerateRequest } from '../spec/chat.ts'
import { resourceError } from '../spec/errors.ts'
import type { GpuPlacement } from '../spec/gpu-placement.ts'
import type { EngineKey, Footprint, ModelDefinition, ModelId, Platform } from '../spec/model.ts'
import type { EngineLoss, LoadResult, Provider, SpareKeeper, SpareProcess } from '../spec/provider.ts'

/** What a script decides; each call is one of the provider's. */
export interface ProviderScript {
  load(definition: ModelDefinition, signal: AbortSignal, placement?: GpuPlacement): Promise<LoadResult>
  unload(definition: ModelDefinition): Promise<void>
  generate(definition: ModelDefinition, request: GenerateRequest, signal: AbortSignal): AsyncIterable<GenerateChunk>
  /** Tokens of a prompt. Default: one a character, which is as good a tokenizer as any for who only needs one. */
  count?(definition: ModelDefinition, messages: readonly ChatMessage[]): Promise<number>
  /** Measures again. Default: what the load said, and with the weights once their first model has left. */
  measure?(definition: ModelDefinition): Promise<Footprint | undefined>
  /** The process that waits for a model is to end: the script tells when it has. */
  dropSpare?(): void
  /** Every engine ends now. */
  dispose(): void
}

/**
 * A provider without an engine: a script says how each call ends and when. It keeps what every provider must keep
 * (which model is loaded, whom to tell of a loss), so that a script is only the story.
 */
export class ScriptedProvider implements Provider {
  readonly platform: Platform
  readonly spare: SpareKeeper = {
    onChanged: (listener) => void this.#spareListeners.push(listener),
    drop: async () => this.#script.dropSpare?.(),
  }
  readonly #spareListeners: ((spare: SpareProcess | undefined) => void)[] = []
  readonly #script: ProviderScript
  readonly #loaded = new Map<ModelId, { readonly definition: ModelDefinition; readonly result: LoadResult }>()
  readonly #listeners: ((loss: EngineLoss) => void)[] = []

  constructor(platform: Platform, script: ProviderScript) {
    this.platform = platform
    this.#script = script
  }

  async load(definition: ModelDefinition, signal: AbortSignal, placement?: GpuPlacement): Promise<LoadResult> {
    const loaded = this.#loaded.get(definition.id)
    if (loaded) return loaded.result
    const result = await this.#script.load(definition, signal, placement)
    this.#loaded.set(definition.id, { definition, result })
    return result
  }

  async unload(modelId: ModelId): Promise<void> {
    const loaded = this.#loaded.get(modelId)
    if (!loaded) return
    await this.#script.unload(loaded.definition)
    this.#loaded.delete(modelId)
  }

  generate(modelId: ModelId, request: GenerateRequest, signal: AbortSignal): AsyncIterable<GenerateChunk> {
    const loaded = this.#loaded.get(modelId)
    if (loaded) return this.#script.generate(loaded.definition, request, signal)
    const channel = new AnswerChannel<GenerateChunk>(() => {})
    channel.fail(resourceError('engine-lost', `${modelId} is not in memory any more.`))
    return channel
  }

  async countTokens(definition: ModelDefinition, messages: readonly ChatMessage[]): Promise<number> {
    if (this.#script.count) return this.#script.count(definition, messages)
    return messages.reduce((sum, { content }) => sum + content.length, 0)
  }

  /** A vector of one number. */
  async embed(modelId: ModelId, inputs: readonly string[], signal: AbortSignal): Promise<Embeddings> {
    if (signal.aborted) throw resourceError('request-cancelled', 'given up')
    if (!this.#loaded.has(modelId)) throw resourceError('engine-lost', `${modelId} is not in memory any more.`)
    const promptTokens = inputs.reduce((sum, input) => sum + input.length, 0)
    return { vectors: inputs.map(() => [1]), promptTokens }
  }

  async measure(modelId: ModelId): Promise<Footprint | undefined> {
    const loaded = this.#loaded.get(modelId)
    if (loaded && this.#script.measure) return this.#script.measure(loaded.definition)
    // The first model on some weights is the one that they are counted with.
    const first = [...this.#loaded.values()].find(
      ({ definition }) => definition.engineKey === loaded?.definition.engineKey,
    )
    if (!loaded || loaded !== first) return undefined
    const { bytes, source } = loaded.result.footprint
    const { weightsBytes, contextBytes, processBytes } = loaded.definition.estimate
    const wasBeside = bytes <= contextBytes
    return { bytes: wasBeside ? bytes + weightsBytes + processBytes : bytes, source }
  }

  onEngineLost(listener: (loss: EngineLoss) => void): void {
    this.#listeners.push(listener)
  }

  /** The script says that an engine ended by itself. */
  lose(loss: EngineLoss): void {
    this.#forget(loss.engineKey)
    for (const listener of this.#listeners) listener(loss)
  }

  /** The script says that a process without a model is there, or is not any more. */
  tellSpare(spare: SpareProcess | undefined): void {
    for (const listener of this.#spareListeners) listener(spare)
  }

  async dispose(): Promise<void> {
    this.#loaded.clear()
    this.#script.dispose()
  }

  #forget(engineKey: EngineKey): void {
    for (const [modelId, { definition }] of this.#loaded) {
      if (definition.engineKey === engineKey) this.#loaded.delete(modelId)
    }
  }
}
