import type { ModelEntrySettings } from './model-entry.ts'
import type { EngineKey, ModelId, Platform, WeightsIdentity } from './model.ts'
import type { Capability } from './status.ts'

/** A model that an engine outside of grym offers, as that engine tells of it. What it does not tell is `null`. */
export interface OfferedModel {
  /** What it is called here, prefix included: `deepseek-r1:14b`, `lmstudio:mistral-7b`, `server:qwen`. */
  readonly id: ModelId
  /** What the engine itself calls it. */
  readonly engineName: string
  readonly platform: Exclude<Platform, 'local'>
  readonly engineKey: EngineKey
  readonly modifiedAtMs: number
  /** Of its weights on disk. */
  readonly sizeBytes: number | null
  readonly weights: WeightsIdentity
  readonly capabilities: readonly Capability[]
  readonly architecture: string | null
  readonly parameterCount: number | null
  readonly quantization: string | null
  readonly trainContextTokens: number | null
  /** Jinja. */
  readonly chatTemplate: string | null
  /** What a GGUF header says of it, by the header's keys: for estimates. */
  readonly header: Readonly<Record<string, unknown>> | null
  /** The one window it is run with; `null` = a load chooses. */
  readonly fixedContextTokens: number | null
  /** Requests at once, where the engine's own settings decide; `null` = as configured here. */
  readonly fixedParallel: number | null
  /** What it takes in memory by a person's word. */
  readonly footprintBytes: number | null
  /** It lies in no memory that this machine could give back: another machine serves it. */
  readonly isElsewhere: boolean
  /** What is set for it where it is set up, below its entry of the configuration. */
  readonly settings: ModelEntrySettings
}

/** The models of one kind of engine. */
export interface EngineModels {
  readonly platform: Exclude<Platform, 'local'>
  /**
   * @param name without the engine's prefix.
   * @returns `undefined` when it has no such model, and when it cannot be asked: then {@link fault} says why.
   */
  find(name: string): Promise<OfferedModel | undefined>
  /** All it has; empty when it cannot be asked. */
  list(): Promise<readonly OfferedModel[]>
  /** Why it could not be asked the last time, for people; `undefined` = it could, or nobody expects it to run. */
  readonly fault: string | undefined
}
