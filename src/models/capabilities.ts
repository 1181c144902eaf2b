import type { Capability } from '../spec/status.ts'

/** What of a header tells what a model can do. */
export interface AbilityHeader {
  readonly architecture: string
  readonly chatTemplate: string | null
  /** The vocabulary. */
  readonly tokens: readonly unknown[]
  /** Is there a value under this key? */
  readonly has: (key: string) => boolean
}

/** Models that read in both directions and only embed (llama.cpp's encoders). */
const ENCODERS: ReadonlySet<string> = new Set([
  'bert',
  'modern-bert',
  'nomic-bert',
  'nomic-bert-moe',
  'neo-bert',
  'jina-bert-v2',
  'jina-bert-v3',
  'eurobert',
  'gemma-embedding',
])

/** Beginnings of a gap by name, for files whose header does not say (the same that llama.cpp looks for). */
const FIM_TOKENS: ReadonlySet<unknown> = new Set([
  '<|fim_prefix|>',
  '<fim-prefix>',
  '<fim_prefix>',
  '<｜fim▁begin｜>',
  '<PRE>',
  '▁<PRE>',
  '<|code_prefix|>',
  '<|prefix|>',
])

/**
 * By the header alone, before an engine has seen it, under Ollama's names: `insert` fills gaps, `thinking` thinks aloud.
 * `vision` is never among them: the embedded engine has none.
 */
export function capabilitiesOf({ architecture, chatTemplate, tokens, has }: AbilityHeader): Capability[] {
  const isEmbedding = ENCODERS.has(architecture) || has(`${architecture}.pooling_type`)
  const template = chatTemplate ?? ''
  const hasFim =
    has('tokenizer.ggml.fim_pre_token_id') ||
    has('tokenizer.ggml.prefix_token_id') ||
    tokens.some((token) => FIM_TOKENS.has(token))
  return [
    ...(ENCODERS.has(architecture) ? [] : (['completion'] as const)),
    ...(isEmbedding ? (['embedding'] as const) : []),
    ...(/\btools\b/.test(template) ? (['tools'] as const) : []),
    ...(hasFim ? (['insert'] as const) : []),
    ...(/<\/?think>|\[THINK\]|<seed:think>|<\|channel\|>/.test(template) ? (['thinking'] as const) : []),
  ]
}
