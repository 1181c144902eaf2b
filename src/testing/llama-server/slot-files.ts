import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Slot } from '../answering/slot-pool.ts'
import { isObject } from '../openai/request-fields.ts'
import type { LlamaEngine } from './engine.ts'
import { ClientLeft, Refusal } from './refusal.ts'

/** What the fake writes for the state of a token, after the tokens themselves. */
const STATE_BYTES_PER_TOKEN = 256
/** `ggsq`. */
const MAGIC = 0x67677371
/** As of b11434: of the file, and of what it says of its tokens. */
const FILE_VERSION = 4
const ENVELOPE_VERSION = 1
const HEAD_BYTES = 12
const NUMBER_BYTES = 4

/** `POST /slots/{id}?action=save|restore|erase`. */
export async function slotAction(
  engine: LlamaEngine,
  request: { readonly id: string; readonly action: string | null; readonly body: unknown; readonly left: AbortSignal },
): Promise<Record<string, unknown>> {
  const { id, action, body, left } = request
  const folder = engine.options.slotSavePath
  if (folder === undefined) {
    const text = 'This server does not support slots action. Start it with `--slot-save-path`'
    throw new Refusal('not_supported_error', text)
  }
  if (engine.knobs.slotFault === 'refused') throw new Refusal('invalid_request_error', 'Unable to use the slot')
  if (!/^\s*-?\d/.test(id)) throw new Refusal('invalid_request_error', 'Invalid slot ID')
  const isFile = action === 'save' || action === 'restore'
  if (!isFile && action !== 'erase') throw new Refusal('invalid_request_error', 'Invalid action')
  const name = isFile ? readName(body) : ''
  await engine.atLoop(left)
  // A number too large wraps around.
  const asked = Number.parseInt(id, 10)
  const slot = await engine.pool.take([], left, Math.abs(asked) % engine.pool.slots.length)
  if (!slot) throw new ClientLeft()
  try {
    if (action === 'erase') return { id_slot: asked, n_erased: erase(slot) }
    const act = action === 'save' ? save : restore
    return { id_slot: asked, filename: name, ...(await act(engine, slot, join(folder, name))) }
  } finally {
    engine.pool.give(slot)
  }
}

function erase(slot: Slot): number {
  const erased = slot.tokens.length
  slot.tokens = []
  return erased
}

/**
 * The file begins as llama.cpp's do: `ggsq`, a version, how many numbers follow, and among these the tokens. What is the state
 * there are the texts of the tokens here, and bytes that mean nothing.
 */
async function save(engine: LlamaEngine, slot: Slot, path: string): Promise<Record<string, unknown>> {
  const startMs = engine.clock.nowMs()
  const count = slot.tokens.length
  const numbers = [-1, ENVELOPE_VERSION, count, ...engine.vocabulary.numbersOf(slot.tokens), 0]
  const texts = Buffer.from(JSON.stringify([engine.options.cacheTypeK, ...slot.tokens]))
  const state = Buffer.alloc(STATE_BYTES_PER_TOKEN * count, 1)
  const head = Int32Array.from([MAGIC, FILE_VERSION, numbers.length, ...numbers, texts.length, state.length])
  const bytes = Buffer.concat([Buffer.from(head.buffer), texts, state])
  // As on a disk that gets full with the last bytes: whether those arrived the real one does not look.
  await writeFile(path, engine.knobs.slotFault === 'cut' ? bytes.subarray(0, -1) : bytes)
  return { n_saved: count, n_written: bytes.length, timings: { save_ms: engine.clock.nowMs() - startMs } }
}

/**
 * Takes a file as carelessly as llama-server was seen to: it asks neither which model it came from nor whether its
 * state was changed, what follows it is not looked at, and a file that was cut short ends the process.
 */
async function restore(engine: LlamaEngine, slot: Slot, path: string): Promise<Record<string, unknown>> {
  const startMs = engine.clock.nowMs()
  const bytes = existsSync(path) ? await readFile(path) : Buffer.alloc(0)
  slot.tokens = []
  const invalid = new Refusal(
    'invalid_request_error',
    'Unable to restore slot: No available space in KV cache or invalid slot save file',
  )
  if (bytes.length < HEAD_BYTES || bytes.readInt32LE(0) !== MAGIC) throw invalid
  const sizesAt = HEAD_BYTES + bytes.readInt32LE(8) * NUMBER_BYTES
  const textsAt = sizesAt + 2 * NUMBER_BYTES
  const isHeadWhole = bytes.length >= textsAt
  const stateAt = isHeadWhole ? textsAt + bytes.readInt32LE(sizesAt) : Infinity
  const end = isHeadWhole ? stateAt + bytes.readInt32LE(sizesAt + NUMBER_BYTES) : Infinity
  if (bytes.length < end) {
    engine.crash()
    throw new ClientLeft()
  }
  const [type, ...tokens] = readTokens(bytes.toString('utf8', textsAt, stateAt)) ?? []
  if (type !== engine.options.cacheTypeK || tokens.length > engine.contextTokens) throw invalid
  if (engine.knobs.slotFault !== 'ignored') slot.tokens = tokens
  return { n_restored: tokens.length, n_read: end, timings: { restore_ms: engine.clock.nowMs() - startMs } }
}

function readName(body: unknown): string {
  const name = isObject(body) ? body['filename'] : undefined
  if (typeof name !== 'string') {
    throw new Refusal('invalid_request_error', "[json.exception.out_of_range.403] key 'filename' not found")
  }
  if (name === '' || name.length > 255 || /[/\\:*?"<>|\0]|^\.+$/.test(name)) {
    throw new Refusal('invalid_request_error', 'Invalid filename')
  }
  return name
}

function readTokens(text: string): string[] | undefined {
  try {
    return JSON.parse(text) as string[]
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
