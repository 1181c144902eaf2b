/** Bytes that tensors begin at a multiple of (`general.alignment`, GGUF's default). */
const ALIGNMENT_BYTES = 32

/** Value types of GGUF metadata (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md). */
const UINT32 = 4
const INT32 = 5
const FLOAT32 = 6
const BOOL = 7
const STRING = 8
const ARRAY = 9

/** A tensor of 32-bit floats: its sizes, the innermost first, and where its numbers come from. */
export interface Tensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly next: () => number
}

/** The whole file: counts, metadata, where each tensor lies, and their numbers. */
export function ggufBytes(pairs: readonly Buffer[], tensors: readonly Tensor[]): Buffer {
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

export function textPair(key: string, value: string): Buffer {
  return pair(key, STRING, string(value))
}

export function countPair(key: string, value: number): Buffer {
  return pair(key, UINT32, uint32(value))
}

export function floatPair(key: string, value: number): Buffer {
  return pair(key, FLOAT32, float32(value))
}

export function flagPair(key: string, value: boolean): Buffer {
  return pair(key, BOOL, Buffer.of(value ? 1 : 0))
}

export function textsPair(key: string, values: readonly string[]): Buffer {
  return pair(key, ARRAY, array(STRING, values.map(string)))
}

export function countsPair(key: string, values: readonly number[]): Buffer {
  return pair(key, ARRAY, array(INT32, values.map(uint32)))
}

export function floatsPair(key: string, values: readonly number[]): Buffer {
  return pair(key, ARRAY, array(FLOAT32, values.map(float32)))
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

function floats(shape: readonly number[], next: () => number): Buffer {
  const count = shape.reduce((product, size) => product * size, 1)
  const buffer = Buffer.alloc(padded(count * 4))
  for (let index = 0; index < count; index++) buffer.writeFloatLE(next(), index * 4)
  return buffer
}

function padded(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT_BYTES) * ALIGNMENT_BYTES
}
