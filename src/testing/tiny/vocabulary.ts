import { countPair, countsPair, floatsPair, textPair, textsPair } from './gguf-bytes.ts'

export interface VocabularyOptions {
  /** Tokens that a template may use and that no text shows, such as `<|im_start|>`. */
  readonly controlTokens: readonly string[]
  /** Tokens that are recognised in text and shown in it, such as `<think>` or `<tool_call>`. */
  readonly userTokens: readonly string[]
  /** Whether there are tokens for filling in the middle. */
  readonly infill: boolean
  /** Least number of tokens; what is missing is filled up with tokens that no text contains. */
  readonly leastTokens: number
}

export interface Vocabulary {
  readonly size: number
  /** The keys `tokenizer.ggml.*`. */
  readonly pairs: readonly Buffer[]
}

interface Token {
  readonly text: string
  readonly score: number
  readonly type: number
}

/** Token types of llama.cpp (include/llama.h `enum llama_token_type`): what a token is to the tokenizer. */
const NORMAL_TOKEN = 1
const UNKNOWN_TOKEN = 2
const CONTROL_TOKEN = 3
const USER_TOKEN = 4
const BYTE_TOKEN = 6

/** SentencePiece writes a space like this, and WordPiece in llama.cpp the beginning of a word. */
const SPACE = '\u2581'
/** As Qwen names them. */
const INFILL_TOKENS = { pre: '<|fim_prefix|>', suf: '<|fim_suffix|>', mid: '<|fim_middle|>' } as const

/** A SentencePiece tokenizer: 3 special tokens, 256 bytes, 95 printable characters, and what the options add after them. */
export function byteVocabulary(options: VocabularyOptions): Vocabulary {
  const bytes = Array.from({ length: 256 }, (_, byte) => ({
    text: `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
    score: 0,
    type: BYTE_TOKEN,
  }))
  const printable = Array.from({ length: 95 }, (_, index) => ({
    text: index === 0 ? SPACE : String.fromCharCode(32 + index),
    score: -index,
    type: NORMAL_TOKEN,
  }))
  const special = [
    { text: '<unk>', score: 0, type: UNKNOWN_TOKEN },
    { text: '<s>', score: 0, type: CONTROL_TOKEN },
    { text: '</s>', score: 0, type: CONTROL_TOKEN },
  ]
  const tokens = extended([...special, ...bytes, ...printable], options)
  const idOf = (text: string): number => tokens.findIndex((token) => token.text === text)
  const pairs = [
    textPair('tokenizer.ggml.model', 'llama'),
    ...tokenPairs(tokens),
    countPair('tokenizer.ggml.unknown_token_id', 0),
    countPair('tokenizer.ggml.bos_token_id', 1),
    countPair('tokenizer.ggml.eos_token_id', 2),
    ...(options.infill
      ? Object.entries(INFILL_TOKENS).map(([key, text]) => countPair(`tokenizer.ggml.fim_${key}_token_id`, idOf(text)))
      : []),
  ]
  return { size: tokens.length, pairs }
}

/** A WordPiece tokenizer, as encoders have it: 5 special tokens, and each lower-case character within a word and at its beginning. */
export function wordPieceVocabulary(options: VocabularyOptions): Vocabulary {
  const special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'].map((text) => ({
    text,
    score: 0,
    type: CONTROL_TOKEN,
  }))
  const characters = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index))
  const pieces = characters
    .flatMap((character) => (isUpperCase(character) ? [] : [`${SPACE}${character}`, character]))
    .map((text) => ({ text, score: 0, type: NORMAL_TOKEN }))
  const tokens = extended([...special, ...pieces], options)
  const pairs = [
    textPair('tokenizer.ggml.model', 'bert'),
    ...tokenPairs(tokens),
    countPair('tokenizer.ggml.token_type_count', 2),
    countPair('tokenizer.ggml.padding_token_id', 0),
    countPair('tokenizer.ggml.unknown_token_id', 1),
    countPair('tokenizer.ggml.bos_token_id', 2),
    countPair('tokenizer.ggml.cls_token_id', 2),
    // The key's name is misspelt in GGUF.
    countPair('tokenizer.ggml.seperator_token_id', 3),
    countPair('tokenizer.ggml.mask_token_id', 4),
  ]
  return { size: tokens.length, pairs }
}

function isUpperCase(character: string): boolean {
  return character !== character.toLowerCase()
}

function extended(tokens: readonly Token[], options: VocabularyOptions): Token[] {
  const added = (text: string, type: number): Token => ({ text, score: 0, type })
  const infill = options.infill ? Object.values(INFILL_TOKENS) : []
  const all = [
    ...tokens,
    ...[...options.controlTokens, ...infill].map((text) => added(text, CONTROL_TOKEN)),
    ...options.userTokens.map((text) => added(text, USER_TOKEN)),
  ]
  const fillers = Math.max(0, options.leastTokens - all.length)
  return [...all, ...Array.from({ length: fillers }, (_, index) => added(`<filler-${index}>`, CONTROL_TOKEN))]
}

function tokenPairs(tokens: readonly Token[]): Buffer[] {
  return [
    textsPair(
      'tokenizer.ggml.tokens',
      tokens.map(({ text }) => text),
    ),
    floatsPair(
      'tokenizer.ggml.scores',
      tokens.map(({ score }) => score),
    ),
    countsPair(
      'tokenizer.ggml.token_type',
      tokens.map(({ type }) => type),
    ),
  ]
}
