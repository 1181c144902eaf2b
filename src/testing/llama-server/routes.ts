import { tokenize } from '../answering/tokens.ts'
import { type Body, isObject } from '../openai/request-fields.ts'
import { renderedChat } from './chat-request.ts'
import { chatRoute } from './chat-route.ts'
import { embeddingRoute } from './embedding-route.ts'
import type { LlamaEngine } from './engine.ts'
import { modelsReply, propsReply, slotsReply } from './model-replies.ts'
import { Refusal } from './refusal.ts'
import type { Reply } from './reply.ts'
import { openAiTextRoute, plainTextRoute } from './text-route.ts'

/** Answers a request whose body has been read; a body may be a promise. */
type Route = (engine: LlamaEngine, body: Body, left: AbortSignal) => Reply

/** What the fake answers, by method and path. */
export const ROUTES: ReadonlyMap<string, Route> = new Map<string, Route>([
  ['GET /health', () => whole({ status: 'ok' })],
  ['GET /v1/health', () => whole({ status: 'ok' })],
  ['GET /props', (engine) => whole(propsReply(engine))],
  ['GET /models', (engine) => whole(modelsReply(engine))],
  ['GET /v1/models', (engine) => whole(modelsReply(engine))],
  ['GET /metrics', () => unsupported('metrics endpoint. Start it with `--metrics`')],
  ['GET /slots', (engine, _body, left) => whole(slots(engine, left))],
  ['POST /tokenize', (engine, body) => whole(tokenized(engine, body))],
  ['POST /detokenize', (engine, body) => whole({ content: detokenized(engine, body) })],
  ['POST /apply-template', (_engine, body) => whole({ prompt: renderedChat(body) })],
  ['POST /chat/completions/input_tokens', (engine, body) => whole(counted(engine, body))],
  ['POST /v1/chat/completions/input_tokens', (engine, body) => whole(counted(engine, body))],
  ['POST /chat/completions', chatRoute],
  ['POST /v1/chat/completions', chatRoute],
  ['POST /v1/completions', openAiTextRoute],
  ['POST /completion', plainTextRoute],
  ['POST /completions', plainTextRoute],
  ['POST /v1/embeddings', (engine, body, left) => whole(embeddingRoute(engine, body, left))],
])

function whole(body: unknown): Reply {
  return { form: 'whole', body }
}

function unsupported(what: string): never {
  throw new Refusal('not_supported_error', `This server does not support ${what}`)
}

async function slots(engine: LlamaEngine, left: AbortSignal): Promise<unknown> {
  if (!engine.options.hasSlotsEndpoint) unsupported('slots endpoint. Start it with `--slots`')
  await engine.atLoop(left)
  return slotsReply(engine)
}

/** `add_special` is false when not said, so that a count of a prompt is one less than what is served. */
function tokenized(engine: LlamaEngine, body: Body): unknown {
  const content = body['content']
  if (typeof content !== 'string') return { tokens: [] }
  const tokens = body['add_special'] === true ? engine.promptTokens(content) : tokenize(content)
  const ids = engine.vocabulary.numbersOf(tokens)
  if (body['with_pieces'] !== true) return { tokens: ids }
  return { tokens: tokens.map((piece, place) => ({ id: ids[place], piece })) }
}

function detokenized(engine: LlamaEngine, body: Body): string {
  const tokens = body['tokens']
  return Array.isArray(tokens) ? engine.vocabulary.tokensOf(tokens as number[]).join('') : ''
}

function counted(engine: LlamaEngine, body: Body): unknown {
  return { input_tokens: engine.promptTokens(renderedChat(body)).length, object: 'response.input_tokens' }
}

/** Reads a body as JSON; an object, or nothing where nothing was sent. */
export function readBody(text: string): Body {
  try {
    const value = JSON.parse(text) as unknown
    return isObject(value) ? value : {}
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new Refusal('invalid_request_error', `[json.exception.parse_error.101] parse error: ${error.message}`)
  }
}
