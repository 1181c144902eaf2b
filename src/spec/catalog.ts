import type { ModelDefinition, ModelId } from './model.ts'
import type { ModelDescription, ModelListing } from './status.ts'

/** Finds models by name. Real: `models/catalog.ts`. */
export interface ModelCatalog {
  /**
   * Resolves a name as a user wrote it (`default`, an id, `local:<name>`; absent = the default model).
   * Rejects with `model-not-found` (with near matches) or `invalid-model-id`.
   *
   * @param larger absent = with the window that is configured.
   */
  resolve(name: string | undefined, larger?: WindowWish): Promise<ModelDefinition>
  /** What a model's file says of it. Rejects like {@link resolve}. */
  about(name: string | undefined): Promise<ModelDescription>
  /** Every model that can be loaded here, default first. */
  list(): Promise<readonly ModelListing[]>
}

/**
 * A window that is larger than the configured one, as far as it can be: what the model was trained for, what KV caches
 * may take, and `mostBytes`. Where a person's entry sets a window, or the engine's own settings do, that one stays.
 */
export interface WindowWish {
  readonly leastContextTokens: number
  /** What the model may take in all, by the estimate. */
  readonly mostBytes: number
}

/** Where the weights of a model lie: what a provider of local files needs beside the definition. */
export interface WeightsLocator {
  locate(modelId: ModelId): Promise<WeightsFile>
}

export interface WeightsFile {
  readonly path: string
  readonly sizeBytes: number
  readonly contextTokens: number
  /** The model's name at Ollama, where Ollama owns the file; the file itself is called by its digest. */
  readonly ollamaName?: string
}
