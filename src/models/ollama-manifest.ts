import { z } from 'zod'
import { parsedJson } from '../spec/json-narrowing.ts'

/** A blob as a manifest names it. */
export interface OllamaLayer {
  /** SHA-256 of its content, 64 hexadecimal digits. */
  readonly sha256: string
  readonly sizeBytes: number
}

/** What a manifest says that its model is made of; of several layers of one kind Ollama takes the last. */
export interface OllamaManifest {
  readonly config?: OllamaLayer
  /** The GGUF. */
  readonly weights?: OllamaLayer
  readonly system?: OllamaLayer
  /** All of them count, later ones more. */
  readonly params: readonly OllamaLayer[]
  readonly adapters: readonly OllamaLayer[]
  /** Whether the weights are single tensors (safetensors, MLX). */
  readonly hasTensors: boolean
  readonly hasProjector: boolean
  readonly hasTemplate: boolean
  /** Whether it brings messages to begin each conversation with. */
  readonly hasMessages: boolean
}

const MAX_LAYERS = 20_000
const KIND = 'application/vnd.ollama.image.'

const layer = z
  .object({
    mediaType: z.string().max(200),
    digest: z.string().regex(/^sha256[:-][0-9a-f]{64}$/, { error: 'no SHA-256 digest' }),
    size: z.int().min(0),
  })
  .transform(({ mediaType, digest, size }) => ({ mediaType, sha256: digest.slice(-64), sizeBytes: size }))

const manifest = z.object({
  // A model that runs elsewhere may have none, or one without a digest.
  config: layer.optional().catch(undefined),
  layers: z.array(layer).max(MAX_LAYERS).nullish(),
})

/** Reads a manifest of Ollama's, which is untrusted. Text = what is wrong with it. */
export function parseOllamaManifest(text: string): OllamaManifest | string {
  const json = parsedJson(text)
  if (json === undefined) return 'it is no JSON'
  const read = manifest.safeParse(json)
  if (!read.success) {
    const [first] = read.error.issues
    return `${first?.path.join('.') || 'it'}: ${first?.message ?? 'not as expected'}`
  }
  const layers = read.data.layers ?? []
  const all = (kind: string): OllamaLayer[] =>
    layers.filter(({ mediaType }) => mediaType === KIND + kind).map(({ sha256, sizeBytes }) => ({ sha256, sizeBytes }))
  const has = (kind: string): boolean => layers.some(({ mediaType }) => mediaType === KIND + kind)
  const { config } = read.data
  const weights = all('model').at(-1)
  const system = all('system').at(-1)
  return {
    ...(config && { config: { sha256: config.sha256, sizeBytes: config.sizeBytes } }),
    ...(weights && { weights }),
    ...(system && { system }),
    params: all('params'),
    adapters: all('adapter'),
    hasTensors: has('tensor'),
    hasProjector: has('projector'),
    hasTemplate: has('template') || has('prompt'),
    hasMessages: has('messages'),
  }
}

const config = z.object({ remote_host: z.string().max(300).optional() })

/** The host that computes a model which is not on this machine, by the model's configuration blob. */
export function remoteHostOf(text: string): string | undefined {
  return config.safeParse(parsedJson(text)).data?.remote_host || undefined
}
