import { open, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { gguf } from '@huggingface/gguf'
import { codeOf } from '../spec/error-code.ts'
import { resourceError } from '../spec/errors.ts'
import type { Capability } from '../spec/status.ts'
import { capabilitiesOf } from './capabilities.ts'
import type { ContextMemory } from './context-memory.ts'
import { HeaderValues, numberOf } from './header-values.ts'
import { type LayerSizes, layerSizes } from './layer-sizes.ts'
import { readContextMemory } from './read-context-memory.ts'
import { tensorBytes } from './tensor-types.ts'
import { wordsPerToken } from './words-per-token.ts'

/** What grym needs to know of a GGUF file before an engine sees it. */
export interface GgufMetadata {
  readonly architecture: string
  readonly name: string
  /** Window the model was trained for. */
  readonly trainContextTokens: number
  readonly blockCount: number
  /** What a context keeps of the text. */
  readonly contextMemory: ContextMemory
  readonly vocabularySize: number
  /** Strings of the tokenizer (tokens and merges): they are held in memory as objects. */
  readonly tokenizerStrings: number
  readonly longestTokenBytes: number
  /** See `words-per-token.ts`. */
  readonly wordsPerToken: number | null
  readonly parameterCount: number
  readonly quantization: string
  readonly chatTemplate: string | null
  readonly capabilities: readonly Capability[]
  readonly tensorCount: number
  /** Bytes of all tensors. */
  readonly tensorBytes: number
  readonly layers: LayerSizes
  /** Length of the vectors between blocks. */
  readonly embeddingLength: number
  /** Where the last tensor ends: a shorter file is cut. */
  readonly dataEndBytes: number
}

/** Bytes of a block of the vocabulary are looked at one by one; a hostile file cannot make that long. */
const MAX_HEADER_BYTES = 512 * 1024 * 1024
const MAX_TENSORS = 1_000_000
/** llama.cpp v0.4.0 ends the process on more (`LLAMA_MAX_LAYERS`). */
const MAX_BLOCKS = 512

/**
 * Reads the header of a GGUF file (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md) and checks that the file
 * is as long as its header says. Throws `model-file-missing` and `model-file-corrupt`.
 */
export async function parseGgufFile(path: string): Promise<GgufMetadata> {
  const fileName = basename(path)
  const sizeBytes = await checkMagic(path, fileName)
  const metadata = await parse(path, fileName)
  if (metadata.dataEndBytes > sizeBytes) {
    throw corrupt(fileName, `its header speaks of ${metadata.dataEndBytes} bytes, but it has ${sizeBytes}`)
  }
  return metadata
}

async function checkMagic(path: string, fileName: string): Promise<number> {
  try {
    const { size } = await stat(path)
    const file = await open(path)
    try {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(24), 0, 24, 0)
      if (bytesRead < 24 || buffer.toString('latin1', 0, 4) !== 'GGUF') throw corrupt(fileName, 'it is not a GGUF file')
      const tensorCount = buffer.readBigUInt64LE(8)
      const keyCount = buffer.readBigUInt64LE(16)
      // Each tensor and key takes bytes in the header: more of them than bytes is a lie that would cost memory.
      if (tensorCount + keyCount > BigInt(size) || tensorCount > MAX_TENSORS)
        throw corrupt(fileName, 'its counts are absurd')
    } finally {
      await file.close()
    }
    return size
  } catch (error) {
    if (codeOf(error) === 'ENOENT') {
      throw resourceError('model-file-missing', `${fileName} is gone. Get it again with \`grym pull\`.`, {
        cause: error,
      })
    }
    throw error
  }
}

async function parse(path: string, fileName: string): Promise<GgufMetadata> {
  const read = await gguf(path, { allowLocalFile: true }).catch((error: unknown) => {
    throw corrupt(fileName, `its header cannot be read (${error instanceof Error ? error.message : String(error)})`)
  })
  const values = read.metadata as unknown as Readonly<Record<string, unknown>>
  const architecture = text(values['general.architecture'])
  if (architecture === undefined) throw corrupt(fileName, 'its header names no architecture')
  const dataOffset = Number(read.tensorDataOffset)
  if (!(dataOffset > 0) || dataOffset > MAX_HEADER_BYTES) throw corrupt(fileName, 'its header is absurdly long')
  let sumBytes = 0
  let endBytes = dataOffset
  let parameterCount = 0
  const sizes: { readonly name: string; readonly bytes: number }[] = []
  for (const { name, dtype, shape, offset } of read.tensorInfos) {
    const lengths = shape.map(Number)
    const bytes = tensorBytes(dtype, lengths) ?? 0
    sizes.push({ name, bytes })
    sumBytes += bytes
    parameterCount += lengths.reduce((product, size) => product * size, 1)
    endBytes = Math.max(endBytes, dataOffset + Number(offset) + bytes)
  }
  const tokens = list(values['tokenizer.ggml.tokens'])
  const chatTemplate = text(values['tokenizer.chat_template']) ?? null
  const header = new HeaderValues(values, architecture)
  const blockCount = header.number('block_count') ?? 0
  if (blockCount < 0 || blockCount > MAX_BLOCKS) throw corrupt(fileName, `its header speaks of ${blockCount} blocks`)
  return {
    architecture,
    name: text(values['general.name']) ?? fileName.replace(/\.gguf$/i, ''),
    trainContextTokens: header.number('context_length') ?? 2_048,
    blockCount,
    contextMemory: readContextMemory(architecture, header, blockCount),
    vocabularySize: tokens.length,
    tokenizerStrings: tokens.length + list(values['tokenizer.ggml.merges']).length,
    longestTokenBytes: tokens.reduce(
      (longest: number, token) => Math.max(longest, Buffer.byteLength(String(token))),
      1,
    ),
    wordsPerToken: wordsPerToken(text(values['tokenizer.ggml.model']), tokens),
    parameterCount,
    quantization: QUANTIZATIONS[numberOf(values['general.file_type']) ?? -1] ?? 'unknown',
    chatTemplate,
    capabilities: capabilitiesOf({ architecture, chatTemplate, tokens, has: (key) => values[key] !== undefined }),
    tensorCount: sizes.length,
    tensorBytes: sumBytes,
    layers: layerSizes(sizes, blockCount),
    embeddingLength: header.number('embedding_length') ?? 0,
    dataEndBytes: endBytes,
  }
}

/** `general.file_type` by number (llama.cpp include/llama.h `enum llama_ftype`). */
const QUANTIZATIONS: Readonly<Record<number, string>> = {
  0: 'F32',
  1: 'F16',
  2: 'Q4_0',
  3: 'Q4_1',
  7: 'Q8_0',
  8: 'Q5_0',
  9: 'Q5_1',
  10: 'Q2_K',
  11: 'Q3_K_S',
  12: 'Q3_K_M',
  13: 'Q3_K_L',
  14: 'Q4_K_S',
  15: 'Q4_K_M',
  16: 'Q5_K_S',
  17: 'Q5_K_M',
  18: 'Q6_K',
  32: 'BF16',
}

function corrupt(fileName: string, why: string): Error {
  const message = `${fileName} is not a usable model file: ${why}. Remove it and get it again with \`grym pull\`.`
  return resourceError('model-file-corrupt', message, { details: { fileName, why } })
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
