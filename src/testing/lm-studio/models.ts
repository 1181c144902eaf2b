/** A model on the fake's disk. */
export interface FakeStudioModel {
  readonly key: string
  readonly type: 'llm' | 'embedding'
  readonly publisher: string
  readonly displayName: string
  readonly architecture: string
  readonly quantization: { readonly name: string; readonly bitsPerWeight: number }
  readonly sizeBytes: number
  readonly paramsString: string | null
  readonly maxContextTokens: number
  readonly format: 'gguf' | 'mlx'
  readonly isToolUse: boolean
  readonly isVision: boolean
  /** Length of an embedding. */
  readonly embeddingLength: number
}

const Q4 = { name: 'Q4_K_M', bitsPerWeight: 4 } as const
const LLM = { type: 'llm', quantization: Q4, format: 'gguf', isVision: false, embeddingLength: 0 } as const

/** Two models that chat, one in Apple's format that sees, and one that embeds. */
export const DEFAULT_MODELS: readonly FakeStudioModel[] = [
  {
    ...LLM,
    key: 'mistral-7b',
    publisher: 'mistralai',
    displayName: 'Mistral 7B',
    architecture: 'llama',
    sizeBytes: 4_368_439_584,
    paramsString: '7B',
    maxContextTokens: 32_768,
    isToolUse: true,
  },
  {
    ...LLM,
    key: 'ibm/granite-4-micro',
    publisher: 'ibm',
    displayName: 'Granite 4 Micro',
    architecture: 'granite',
    sizeBytes: 2_279_145_003,
    paramsString: '3B',
    maxContextTokens: 131_072,
    isToolUse: true,
  },
  {
    ...LLM,
    key: 'qwen2.5-vl-3b',
    publisher: 'qwen',
    displayName: 'Qwen2.5 VL 3B',
    architecture: 'qwen2_5_vl',
    quantization: { name: '4bit', bitsPerWeight: 4 },
    sizeBytes: 3_070_000_000,
    paramsString: '3B',
    maxContextTokens: 128_000,
    format: 'mlx',
    isToolUse: false,
    isVision: true,
  },
  {
    key: 'text-embedding-nomic-embed-text-v1.5',
    type: 'embedding',
    publisher: 'nomic-ai',
    displayName: 'Nomic Embed Text v1.5',
    architecture: 'nomic-bert',
    quantization: { name: 'F16', bitsPerWeight: 16 },
    sizeBytes: 274_290_560,
    paramsString: null,
    maxContextTokens: 2_048,
    format: 'gguf',
    isToolUse: false,
    isVision: false,
    embeddingLength: 64,
  },
]
