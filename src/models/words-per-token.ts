import { promptWords } from '../spec/prompt-words.ts'

/** How a vocabulary writes bytes that are no letters: of `gpt2` 0–32 and 127 (its `bytes_to_unicode`), of `llama` the blank. */
const SEPARATORS: Readonly<Record<string, RegExp>> = { gpt2: /[\u0100-\u0121]/g, llama: /\u2581/g }

/**
 * The most words that one token of this vocabulary stands for, see {@link promptWords}; `null` for kinds of tokenizers that change the text
 * before they cut it (`bert`, `t5`), or are not known.
 *
 * @param kind `tokenizer.ggml.model`
 */
export function wordsPerToken(kind: string | undefined, tokens: readonly unknown[]): number | null {
  const separators = SEPARATORS[kind ?? '']
  if (!separators || tokens.length === 0) return null
  return tokens.reduce((most: number, token) => Math.max(most, promptWords(String(token).replace(separators, ' '))), 1)
}
