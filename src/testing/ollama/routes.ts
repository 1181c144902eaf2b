import { chatRoute, generateRoute } from './answer-routes.ts'
import { embeddingsRoute, embedRoute } from './embed-routes.ts'
import type { FakeEngine } from './engine.ts'
import { showReply, tagsReply } from './model-replies.ts'
import { psReply } from './ps-reply.ts'
import { Refusal } from './refusal.ts'
import { type Reply, whole } from './reply.ts'
import {
  CHAT_REQUEST,
  EMBED_REQUEST,
  EMBEDDING_REQUEST,
  GENERATE_REQUEST,
  readBody,
  SHOW_REQUEST,
} from './request-body.ts'

/** Answers a request whose body has been read. */
export type Route = (engine: FakeEngine, text: string, signal: AbortSignal) => Reply

/** The routes of Ollama that the fake has, by path and method. */
export const ROUTES: ReadonlyMap<string, Readonly<Record<string, Route>>> = new Map<string, Record<string, Route>>([
  ['/api/version', both((engine) => ({ version: engine.version }))],
  ['/api/tags', both((engine) => tagsReply(engine.store, engine.age))],
  ['/api/ps', { GET: plain((engine) => psReply(engine.scheduler)) }],
  ['/api/show', { POST: plain(show) }],
  [
    '/api/generate',
    { POST: (engine, text, signal) => generateRoute(engine, readBody(text, GENERATE_REQUEST), signal) },
  ],
  ['/api/chat', { POST: (engine, text, signal) => chatRoute(engine, readBody(text, CHAT_REQUEST), signal) }],
  ['/api/embed', { POST: (engine, text, signal) => embedRoute(engine, readBody(text, EMBED_REQUEST), signal) }],
  [
    '/api/embeddings',
    { POST: (engine, text, signal) => embeddingsRoute(engine, readBody(text, EMBEDDING_REQUEST), signal) },
  ],
])

/** Routes that Ollama has and the fake does not: 501 says so, where 404 would be a lie about Ollama. */
export const MISSING_ROUTES: RegExp =
  /^\/(?:v1\/.*|api\/(?:status|pull|push|create|copy|delete|me|signout|blobs\/.*|web_search|web_fetch))$/

function show(engine: FakeEngine, text: string): Record<string, unknown> {
  const body = readBody(text, SHOW_REQUEST)
  const asked = (body['model'] as string | undefined) || (body['name'] as string | undefined) || ''
  if (asked === '') throw new Refusal(400, 'model is required')
  return showReply(engine.store.find(asked), body['verbose'] === true)
}

function plain(make: (engine: FakeEngine, text: string) => Record<string, unknown>): Route {
  return async function* route(engine, text) {
    yield whole(make(engine, text))
  }
}

function both(make: (engine: FakeEngine) => Record<string, unknown>): Record<string, Route> {
  return { GET: plain(make), HEAD: plain(make) }
}
