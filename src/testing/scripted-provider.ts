import type { GenerateChunk, GenerateRequest } from '../spec/chat.ts'
import type { EngineKey, Footprint, ModelDefinition, ModelId, Platform } from '../spec/model.ts'
import type { EngineLoss, LoadResult, Provider } from '../spec/provider.ts'

/** What a script decides; each call is one of the provider's. */
export interface ProviderScript {
  load(definition: ModelDefinition, signal: AbortSignal): Promise<LoadResult>
  unload(definition: ModelDefinition): Promise<void>
  generate(definition: ModelDefinition, request: GenerateRequest, signal: AbortSignal): AsyncIterable<GenerateChunk>
}

/**
 * A provider without an engine: a script says how each call ends and when. It keeps what every provider must keep
 * (which model is loaded, whom to tell of a loss), so that a script is only the story.
 */
export class ScriptedProvider implements Provider {
  readonly platform: Platform
  readonly #script: ProviderScript
  readonly #loaded = new Map<ModelId, { readonly definition: ModelDefinition; readonly result: LoadResult }>()
  readonly #known = new Map<ModelId, ModelDefinition>()
  readonly #listeners: ((loss: EngineLoss) => void)[] = []

  constructor(platform: Platform, script: ProviderScript) {
    this.platform = platform
    this.#script = script
  }

  async load(definition: ModelDefinition, signal: AbortSignal): Promise<LoadResult> {
    const loaded = this.#loaded.get(definition.id)
    if (loaded) return loaded.result
    this.#known.set(definition.id, definition)
    const result = await this.#script.load(definition, signal)
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
    const definition = this.#known.get(modelId)
    if (!definition) throw new Error(`${modelId} was never loaded`)
    return this.#script.generate(definition, request, signal)
  }

  async measure(modelId: ModelId): Promise<Footprint | undefined> {
    return this.#loaded.get(modelId)?.result.footprint
  }

  onEngineLost(listener: (loss: EngineLoss) => void): void {
    this.#listeners.push(listener)
  }

  /** The script says that an engine ended by itself. */
  lose(loss: EngineLoss): void {
    this.#forget(loss.engineKey)
    for (const listener of this.#listeners) listener(loss)
  }

  async dispose(): Promise<void> {
    this.#loaded.clear()
  }

  #forget(engineKey: EngineKey): void {
    for (const [modelId, { definition }] of this.#loaded) {
      if (definition.engineKey === engineKey) this.#loaded.delete(modelId)
    }
  }
}
