/** What distinguishes one tiny model from another. */
export interface TinyGgufOptions {
  /** `general.name`; another name gives other bytes and so another digest. Default `tiny`. */
  readonly name?: string
  /** Window the model claims to be trained for, tokens. Default 2048. */
  readonly contextTokens?: number
  /** `general.architecture`. Default `llama`; the keys keep its name in front, so any other one is consistent, too. */
  readonly architecture?: string
  /** Jinja; `null` leaves the key out. Default {@link TINY_TEMPLATE}. */
  readonly chatTemplate?: string | null
  /** Seed of the weights. Default 1. */
  readonly seed?: number
}

/** Roles in brackets: short, and easy to see in a prompt. */
export const TINY_TEMPLATE: string =
  "{% for message in messages %}{{ '[' + message['role'] + ']' + message['content'] }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '[assistant]' }}{% endif %}"

const BLOCKS = 2
const WIDTH = 64
const HEADS = 4
const FEED_FORWARD = 128
const ALIGNMENT = 32

/** Value types of GGUF metadata (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md). */
const UINT32 = 4
const INT32 = 5
const FLOAT32 = 6
const STRING = 8
const ARRAY = 9

/** Token types of llama.cpp: what a token is to the tokenizer. */
const UNKNOWN_TOKEN = 2
const CONTROL_TOKEN = 3
const BYTE_TOKEN = 6
const NORMAL_TOKEN = 1

/**
 * A whole model of about half a megabyte that a real engine loads in milliseconds: random weights, a byte tokenizer,
 * nonsense for answers. For tests of mechanics, where what is said does not matter.
 */
export function tinyGguf(options: TinyGgufOptions = {}): Buffer {
  const architecture = options.architecture ?? 'llama'
  const tokens = tokenizer()
  const random = normalNumbers(options.seed ?? 1)
  const tensors = layout(tokens.length).map(({ name, shape, isNorm }) => ({
    name,
    shape,
    next: isNorm ? (): number => 1 : (): number => 0.05 * random(),
  }))
  return file(metadata(options, architecture, tokens), tensors)
}

/** Rank of {@link tinyLora}. */
const LORA_RANK = 4

/** A low-rank adapter for {@link tinyGguf}, strong enough to change what it says. */
export function tinyLora(seed = 1): Buffer {
  const random = normalNumbers(seed)
  const next = (): number => random()
  const pairs = [
    pair('general.architecture', STRING, string('llama')),
    pair('general.type', STRING, string('adapter')),
    pair('adapter.type', STRING, string('lora')),
    pair('adapter.lora.alpha', FLOAT32, float32(LORA_RANK)),
  ]
  return file(pairs, [
    { name: 'blk.0.ffn_up.weight.lora_a', shape: [WIDTH, LORA_RANK], next },
    { name: 'blk.0.ffn_up.weight.lora_b', shape: [LORA_RANK, FEED_FORWARD], next },
  ])
}

interface Tensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly next: () => number
}

/** The whole file: counts, metadata, where each tensor lies, and their numbers. */
function file(pairs: readonly Buffer[], tensors: readonly Tensor[]): Buffer {
  const header = [Buffer.from('GGUF', 'latin1'), uint32(3), uint64(tensors.length), uint64(pairs.length), ...pairs]
  let offset = 0
  for (const { name, shape } of tensors) {
    header.push(string(name), uint32(shape.length), ...shape.map(uint64), uint32(0), uint64(offset))
    offset += padded(shape.reduce((product, size) => product * size, 4))
  }
  const head = Buffer.concat(header)
  const data = tensors.map(({ shape, next }) => floats(shape, next))
  return Buffer.concat([head, Buffer.alloc(padded(head.length) - head.length), ...data])
}

interface Token {
  readonly text: string
  readonly score: number
  readonly type: number
}

/** 3 special tokens, 256 bytes, 95 printable characters (space as U+2581, as SentencePiece has it). */
function tokenizer(): Token[] {
  const special = [
    { text: '<unk>', score: 0, type: UNKNOWN_TOKEN },
    { text: '<s>', score: 0, type: CONTROL_TOKEN },
    { text: '</s>', score: 0, type: CONTROL_TOKEN },
  ]
  const bytes = Array.from({ length: 256 }, (_, byte) => ({
    text: `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
    score: 0,
    type: BYTE_TOKEN,
  }))
  const printable = Array.from({ length: 95 }, (_, index) => ({
    text: index === 0 ? '\u2581' : String.fromCharCode(32 + index),
    score: -index,
    type: NORMAL_TOKEN,
  }))
  return [...special, ...bytes, ...printable]
}

function metadata(options: TinyGgufOptions, architecture: string, tokens: readonly Token[]): Buffer[] {
  const template = options.chatTemplate === undefined ? TINY_TEMPLATE : options.chatTemplate
  const pairs = [
    pair('general.architecture', STRING, string(architecture)),
    pair('general.name', STRING, string(options.name ?? 'tiny')),
    pair(`${architecture}.block_count`, UINT32, uint32(BLOCKS)),
    pair(`${architecture}.context_length`, UINT32, uint32(options.contextTokens ?? 2_048)),
    pair(`${architecture}.embedding_length`, UINT32, uint32(WIDTH)),
    pair(`${architecture}.feed_forward_length`, UINT32, uint32(FEED_FORWARD)),
    pair(`${architecture}.attention.head_count`, UINT32, uint32(HEADS)),
    pair(`${architecture}.attention.layer_norm_rms_epsilon`, FLOAT32, float32(1e-5)),
    pair(`${architecture}.rope.dimension_count`, UINT32, uint32(WIDTH / HEADS)),
    pair('tokenizer.ggml.model', STRING, string('llama')),
    pair(
      'tokenizer.ggml.tokens',
      ARRAY,
      array(
        STRING,
        tokens.map(({ text }) => string(text)),
      ),
    ),
    pair(
      'tokenizer.ggml.scores',
      ARRAY,
      array(
        FLOAT32,
        tokens.map(({ score }) => float32(score)),
      ),
    ),
    pair(
      'tokenizer.ggml.token_type',
      ARRAY,
      array(
        INT32,
        tokens.map(({ type }) => uint32(type)),
      ),
    ),
    pair('tokenizer.ggml.unknown_token_id', UINT32, uint32(0)),
    pair('tokenizer.ggml.bos_token_id', UINT32, uint32(1)),
    pair('tokenizer.ggml.eos_token_id', UINT32, uint32(2)),
    ...(template === null ? [] : [pair('tokenizer.chat_template', STRING, string(template))]),
  ]
  return pairs
}

function layout(vocabularySize: number): { name: string; shape: number[]; isNorm: boolean }[] {
  const matrix = (name: string, ...shape: number[]): { name: string; shape: number[]; isNorm: boolean } => ({
    name: `${name}.weight`,
    shape,
    isNorm: name.endsWith('_norm'),
  })
  const blocks = Array.from({ length: BLOCKS }, (_, block) => [
    matrix(`blk.${block}.attn_norm`, WIDTH),
    matrix(`blk.${block}.ffn_norm`, WIDTH),
    ...['attn_q', 'attn_k', 'attn_v', 'attn_output'].map((name) => matrix(`blk.${block}.${name}`, WIDTH, WIDTH)),
    matrix(`blk.${block}.ffn_gate`, WIDTH, FEED_FORWARD),
    matrix(`blk.${block}.ffn_up`, WIDTH, FEED_FORWARD),
    matrix(`blk.${block}.ffn_down`, FEED_FORWARD, WIDTH),
  ])
  return [
    matrix('token_embd', WIDTH, vocabularySize),
    matrix('output_norm', WIDTH),
    matrix('output', WIDTH, vocabularySize),
    ...blocks.flat(),
  ]
}

/** Numbers from N(0, 1), the same for the same seed: mulberry32 and the Box-Muller transform. */
function normalNumbers(seed: number): () => number {
  let state = seed >>> 0
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())
}

function floats(shape: readonly number[], next: () => number): Buffer {
  const count = shape.reduce((product, size) => product * size, 1)
  const buffer = Buffer.alloc(padded(count * 4))
  for (let index = 0; index < count; index++) buffer.writeFloatLE(next(), index * 4)
  return buffer
}

function padded(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT
}

function pair(key: string, type: number, value: Buffer): Buffer {
  return Buffer.concat([string(key), uint32(type), value])
}

function array(type: number, values: readonly Buffer[]): Buffer {
  return Buffer.concat([uint32(type), uint64(values.length), ...values])
}

function string(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8')
  return Buffer.concat([uint64(bytes.length), bytes])
}

function uint32(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeUInt32LE(value)
  return buffer
}

function uint64(value: number): Buffer {
  const buffer = Buffer.alloc(8)
  buffer.writeBigUInt64LE(BigInt(value))
  return buffer
}

function float32(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeFloatLE(value)
  return buffer
}
