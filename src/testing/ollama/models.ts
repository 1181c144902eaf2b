import { createHash } from 'node:crypto'
import { notFound } from './refusal.ts'

/** What a model of Ollama's can do, as `/api/show` names it. */
export type FakeCapability = 'completion' | 'tools' | 'vision' | 'embedding' | 'thinking' | 'insert'

/** A model that the fake server has on disk. */
export interface FakeModel {
  /** Short name with its tag: `llama3.2:1b`. */
  readonly name: string
  /** 64 hex digits of the weights. Names with the same ones share a runner. Default: made from the name. */
  readonly blob?: string
  readonly fileBytes: number
  /** KV cache a token of one slot. */
  readonly kvBytesPerToken: number
  readonly family: string
  readonly parameterSize: string
  readonly quantization: string
  readonly capabilities: readonly FakeCapability[]
  readonly trainedContextTokens: number
  readonly blockCount: number
  readonly embeddingLength: number
  readonly headCount: number
  readonly headCountKv: number
  /** The layer `params`: default options of this name. */
  readonly parameters?: Readonly<Record<string, unknown>>
  readonly system?: string
  readonly adapters?: readonly string[]
  readonly projectors?: readonly string[]
  /** A cloud model: listed with these two, and 401 when asked, as for someone who has not signed in. */
  readonly remote?: { readonly model: string; readonly host: string }
  /** What `/api/ps` says instead of weights + KV cache. */
  readonly sizeBytes?: number
  /** What `/api/ps` says of it to lie on GPUs, instead of the share of layers. */
  readonly sizeVramBytes?: number
  /** No buffer sizes in the engine's log: from 0.30 on both sizes are then those of the file. */
  readonly isSizeUnknown?: boolean
}

const LLAMA = {
  family: 'llama',
  quantization: 'Q8_0',
  capabilities: ['completion', 'tools'],
  trainedContextTokens: 131_072,
  blockCount: 16,
  embeddingLength: 2_048,
  headCount: 32,
  headCountKv: 8,
} as const

const WEIGHTS = sha256('llama3.2:1b weights')

/** One of each kind: two names for the same weights, one that thinks, one that only embeds, one small, one in the cloud. */
export const DEFAULT_MODELS: readonly FakeModel[] = [
  {
    ...LLAMA,
    name: 'llama3.2:1b',
    blob: WEIGHTS,
    fileBytes: 1_321_082_688,
    kvBytesPerToken: 32_768,
    parameterSize: '1.2B',
  },
  {
    ...LLAMA,
    name: 'twin:latest',
    blob: WEIGHTS,
    fileBytes: 1_321_082_688,
    kvBytesPerToken: 32_768,
    parameterSize: '1.2B',
  },
  {
    ...LLAMA,
    name: 'qwen3:0.6b',
    family: 'qwen3',
    capabilities: ['completion', 'tools', 'thinking'],
    trainedContextTokens: 40_960,
    blockCount: 28,
    embeddingLength: 1_024,
    headCount: 16,
    fileBytes: 522_653_767,
    kvBytesPerToken: 114_688,
    parameterSize: '751.63M',
  },
  {
    ...LLAMA,
    name: 'nomic-embed-text:latest',
    family: 'nomic-bert',
    quantization: 'F16',
    capabilities: ['embedding'],
    trainedContextTokens: 2_048,
    blockCount: 12,
    embeddingLength: 768,
    headCount: 12,
    headCountKv: 12,
    fileBytes: 274_302_450,
    kvBytesPerToken: 0,
    parameterSize: '137M',
  },
  {
    ...LLAMA,
    name: 'smollm2:135m',
    capabilities: ['completion'],
    trainedContextTokens: 8_192,
    blockCount: 30,
    embeddingLength: 576,
    headCount: 9,
    headCountKv: 3,
    quantization: 'F16',
    fileBytes: 270_898_672,
    kvBytesPerToken: 23_040,
    parameterSize: '134.52M',
  },
  {
    ...LLAMA,
    name: 'gpt-oss:120b-cloud',
    family: 'gptoss',
    capabilities: ['completion', 'tools', 'thinking'],
    fileBytes: 384,
    kvBytesPerToken: 0,
    parameterSize: '116.8B',
    remote: { model: 'gpt-oss:120b', host: 'https://ollama.com:443' },
  },
]

/** The models on disk, found by name as Ollama finds them. */
export class FakeModelStore {
  readonly models: readonly FakeModel[]

  constructor(models: readonly FakeModel[]) {
    this.models = models
  }

  /** `:latest` is added, the default host and `library/` are taken off, letters may be of either case. Throws a 404. */
  find(asked: string): FakeModel {
    const wanted = shortName(asked).toLowerCase()
    const model = this.models.find(({ name }) => shortName(name).toLowerCase() === wanted)
    if (asked === '' || !model) throw notFound(asked)
    return model
  }
}

/** As `/api/ps` writes it: `registry.ollama.ai/library/x` → `x:latest`. */
export function shortName(name: string): string {
  const short = name.replace(/^(?:https?:\/\/)?registry\.ollama\.ai\//, '').replace(/^library\//, '')
  return short.slice(short.lastIndexOf('/') + 1).includes(':') ? short : `${short}:latest`
}

/** As the errors of the scheduler write it: with host and namespace. */
export function fullName(name: string): string {
  const short = shortName(name)
  const slashCount = short.split('/').length - 1
  return ['registry.ollama.ai/library/', 'registry.ollama.ai/', ''][Math.min(2, slashCount)] + short
}

/** The weights' digest: the key of a runner. */
export function blobOf(model: FakeModel): string {
  return model.blob ?? sha256(`${model.name} weights`)
}

/** The digest of the manifest, which differs between names for the same weights. */
export function manifestDigest(model: FakeModel): string {
  return sha256(`${model.name} manifest`)
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
