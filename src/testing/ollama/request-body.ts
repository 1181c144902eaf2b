import { invalidThink } from './capabilities.ts'
import { readKeepAliveMs } from './keep-alive.ts'
import { Refusal } from './refusal.ts'

/** Go types of fields; `any` is whatever JSON can be. */
type FieldKind =
  | 'string'
  | 'bool'
  | 'int'
  | 'object'
  | 'strings'
  | 'ints'
  | 'messages'
  | 'tools'
  | 'keepAlive'
  | 'think'
  | 'any'

/** The fields of a request's struct in Ollama; others are ignored. */
export interface RequestShape {
  readonly struct: string
  readonly fields: Readonly<Record<string, FieldKind>>
}

const COMMON = {
  model: 'string',
  stream: 'bool',
  format: 'any',
  keep_alive: 'keepAlive',
  options: 'object',
  think: 'think',
  truncate: 'bool',
  shift: 'bool',
  logprobs: 'bool',
  top_logprobs: 'int',
} as const

export const GENERATE_REQUEST: RequestShape = {
  struct: 'GenerateRequest',
  fields: {
    ...COMMON,
    prompt: 'string',
    suffix: 'string',
    system: 'string',
    template: 'string',
    context: 'ints',
    raw: 'bool',
    images: 'strings',
  },
}
export const CHAT_REQUEST: RequestShape = {
  struct: 'ChatRequest',
  fields: { ...COMMON, messages: 'messages', tools: 'tools' },
}
export const EMBED_REQUEST: RequestShape = {
  struct: 'EmbedRequest',
  fields: {
    model: 'string',
    input: 'any',
    keep_alive: 'keepAlive',
    truncate: 'bool',
    dimensions: 'int',
    options: 'object',
  },
}
export const EMBEDDING_REQUEST: RequestShape = {
  struct: 'EmbeddingRequest',
  fields: { model: 'string', prompt: 'string', keep_alive: 'keepAlive', options: 'object' },
}
export const SHOW_REQUEST: RequestShape = {
  struct: 'ShowRequest',
  fields: { model: 'string', name: 'string', verbose: 'bool', system: 'string', template: 'string', options: 'object' },
}

const GO_TYPES: Readonly<Record<FieldKind, string>> = {
  string: 'string',
  bool: 'bool',
  int: 'int',
  object: 'map[string]interface {}',
  strings: '[]api.ImageData',
  ints: '[]int',
  messages: '[]api.Message',
  tools: 'api.Tools',
  keepAlive: '',
  think: '',
  any: '',
}

/**
 * Reads a body as Go's decoder does into a struct: null is "not said", an unknown field is ignored, a field of another
 * type is a 400 in Go's words. `keep_alive` is checked here and read again by its own reader.
 */
export function readBody(text: string, shape: RequestShape): Record<string, unknown> {
  if (text.trim() === '') throw new Refusal(400, 'missing request body')
  const value = parseJson(text)
  if (!isObject(value)) {
    throw new Refusal(400, `json: cannot unmarshal ${goKind(value)} into Go value of type api.${shape.struct}`)
  }
  const body: Record<string, unknown> = {}
  for (const [name, kind] of Object.entries(shape.fields)) {
    const field = value[name]
    if (field === undefined || field === null) continue
    check(field, kind, `${shape.struct}.${name}`)
    body[name] = field
  }
  return body
}

function check(value: unknown, kind: FieldKind, path: string): void {
  switch (kind) {
    case 'any':
      return
    case 'string':
      if (typeof value !== 'string') throw mismatch(value, path, GO_TYPES[kind])
      return
    case 'bool':
      if (typeof value !== 'boolean') throw mismatch(value, path, GO_TYPES[kind])
      return
    case 'int':
      if (!Number.isInteger(value)) throw mismatch(value, path, GO_TYPES[kind])
      return
    case 'object':
      if (!isObject(value)) throw mismatch(value, path, GO_TYPES[kind])
      return
    case 'strings':
      for (const image of listOf(value, kind, path)) checkImage(image, path)
      return
    case 'ints':
      for (const each of listOf(value, kind, path)) check(each, 'int', path)
      return
    case 'messages':
      for (const message of listOf(value, kind, path)) checkMessage(message, path)
      return
    case 'tools':
      for (const tool of listOf(value, kind, path)) checkTool(tool, path)
      return
    case 'keepAlive':
      readKeepAliveMs(value)
      return
    case 'think':
      checkThink(value)
  }
}

function listOf(value: unknown, kind: FieldKind, path: string): readonly unknown[] {
  if (!Array.isArray(value)) throw mismatch(value, path, GO_TYPES[kind])
  return value
}

function checkMessage(message: unknown, path: string): void {
  if (!isObject(message)) throw mismatch(message, path, 'api.Message')
  for (const name of ['role', 'content', 'thinking', 'tool_name', 'tool_call_id']) {
    if (message[name] !== undefined && message[name] !== null) check(message[name], 'string', `${path}.${name}`)
  }
  if (message['images'] !== undefined && message['images'] !== null)
    check(message['images'], 'strings', `${path}.images`)
  const calls = message['tool_calls']
  if (calls === undefined || calls === null) return
  if (!Array.isArray(calls)) throw mismatch(calls, `${path}.tool_calls`, '[]api.ToolCall')
  for (const call of calls as unknown[]) {
    const written = isObject(call) ? call['function'] : call
    if (!isObject(written)) throw mismatch(written, `${path}.tool_calls.function`, 'api.ToolCallFunction')
    check(written['name'], 'string', `${path}.tool_calls.function.name`)
    // An object, where OpenAI has a text.
    if (!isObject(written['arguments'])) {
      const place = `${path}.tool_calls.function.arguments`
      throw mismatch(written['arguments'], place, 'api.ToolCallFunctionArguments')
    }
  }
}

function checkTool(tool: unknown, path: string): void {
  if (!isObject(tool)) throw mismatch(tool, path, 'api.Tool')
  const written = tool['function']
  if (!isObject(written)) throw mismatch(written, `${path}.function`, 'api.ToolFunction')
  check(written['name'], 'string', `${path}.function.name`)
  if (written['parameters'] !== undefined && !isObject(written['parameters'])) {
    throw mismatch(written['parameters'], `${path}.function.parameters`, 'api.ToolFunctionParameters')
  }
}

function checkImage(image: unknown, path: string): void {
  if (typeof image !== 'string') throw mismatch(image, path, '[]uint8')
  const wrongAt = /^[A-Za-z0-9+/]*={0,2}$/.test(image) && image.length % 4 === 0 ? -1 : image.search(/[^A-Za-z0-9+/]|$/)
  if (wrongAt >= 0) throw new Refusal(400, `illegal base64 data at input byte ${wrongAt}`)
}

function checkThink(value: unknown): void {
  if (typeof value === 'boolean') return
  if (typeof value !== 'string')
    throw new Refusal(400, 'think must be a boolean or string ("high", "medium", "low", true, or false)')
  if (!['low', 'medium', 'high', 'max'].includes(value)) throw invalidThink(value)
}

function mismatch(value: unknown, path: string, goType: string): Refusal {
  return new Refusal(400, `json: cannot unmarshal ${goKind(value)} into Go struct field ${path} of type ${goType}`)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    const place = /position (\d+)/.exec(error.message)?.[1]
    const named = /^Unexpected token '(.)'/.exec(error.message)?.[1]
    const found = named ?? (place === undefined ? '' : text.charAt(Number(place)))
    if (found === '') throw new Refusal(400, 'unexpected EOF')
    throw new Refusal(400, `invalid character '${found}' looking for beginning of value`)
  }
}

function goKind(value: unknown): string {
  if (value === undefined) return 'null'
  if (typeof value === 'boolean') return 'bool'
  if (Array.isArray(value)) return 'array'
  return value === null ? 'null' : typeof value
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
