import type { SamplingOptions } from './chat.ts'
import type { KvType } from './model.ts'

/** grym's own engine, or llama.cpp's server as it is installed on the machine. */
export type FileEngine = 'embedded' | 'llama-server'

/** Where the weights of an entry come from: another model by its name, a file, or a place to pull them from. */
export type ModelSource =
  | { readonly kind: 'model'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'download'; readonly address: string }

/** A chat template that takes the place of the weights' own: Jinja, as text or in a file. */
export type TemplateSource =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'file'; readonly path: string }

/** A low-rank adapter put on the weights. */
export interface LoraAdapter {
  readonly path: string
  /** How strongly; 1 = as trained. */
  readonly scale: number
}

/** What a person set for one model. What is absent is as for every model. */
export interface ModelEntrySettings {
  /** What runs a GGUF file. Default `embedded`. */
  readonly engine?: FileEngine
  readonly contextTokens?: number
  /** System prompt of conversations that bring none. */
  readonly system?: string
  /** Defaults of requests that do not say; each option on its own. */
  readonly sampling?: SamplingOptions
  /** Upper bound of generated tokens of requests that name none. */
  readonly maxTokens?: number
  /** Stop strings of requests that bring none. */
  readonly stop?: readonly string[]
  readonly template?: TemplateSource
  /** Requests served at once, each in a context of its own. */
  readonly parallel?: number
  readonly kvType?: KvType
  /** Tokens of a prompt evaluated at once. */
  readonly batchTokens?: number
  /** Layers that lie on GPUs at most. */
  readonly mostGpuLayers?: number
  /** Kept in memory: neither idle time nor others' need of room unloads it. */
  readonly pinned?: boolean
  /** −10 to 10; higher ones are evicted last. 0 where nothing is said. */
  readonly priority?: number
  /** Idle time until it is unloaded, ms; 0 = at once, `null` = no timer. */
  readonly idleTimeoutMs?: number | null
  readonly loras?: readonly LoraAdapter[]
}

/** One entry of `models.entries`, checked. */
export interface ModelEntry {
  /** Absent: the entry is about the model of its own name. */
  readonly source?: ModelSource
  /** Further names and patterns (`*` = any letters) under which it is asked for. */
  readonly aliases: readonly string[]
  readonly settings: ModelEntrySettings
}

/** Entries by name or pattern, in the order in which they were written; an object without prototype. */
export type ModelEntries = Readonly<Record<string, ModelEntry>>
