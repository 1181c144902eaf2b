import type { ServerResponse } from 'node:http'
import { type Exchange, LoopbackServer, type SeenRequest } from '../http/loopback-server.ts'
import { sendJson, sendPart, sendText } from '../http/send.ts'
import type { FakeEngine } from './engine.ts'
import { isAllowedHost } from './host-check.ts'
import { Refusal } from './refusal.ts'
import type { ReplyPart } from './reply.ts'
import { MISSING_ROUTES, ROUTES } from './routes.ts'

/** Ollama's HTTP: routes, status codes, JSON and lines of JSON. */
export class FakeHttpServer {
  readonly #engine: FakeEngine
  readonly #server: LoopbackServer

  constructor(engine: FakeEngine) {
    this.#engine = engine
    this.#server = new LoopbackServer(
      (exchange) => this.#answer(exchange),
      () => void engine.counters.cancelled++,
    )
  }

  /** Every request that came with its whole body, oldest first. */
  get seen(): readonly SeenRequest[] {
    return this.#server.seen
  }

  /** Listens on loopback; port 0 chooses one. Returns the port. */
  listen(port: number): Promise<number> {
    return this.#server.listen(port)
  }

  /** No new connections, and those that are there break now. */
  close(): Promise<void> {
    return this.#server.close()
  }

  async #answer({ method, path, headers, text, response, left }: Exchange): Promise<void> {
    if (!isAllowedHost(headers.host)) return void response.writeHead(403).end()
    if (path === '/') return sendRoot(method, response)
    const route = ROUTES.get(path)
    if (!route) return sendMissing(path, response)
    const handler = route[method]
    if (!handler) return sendText(response, 405, '405 method not allowed')
    await this.#send(response, left, () => handler(this.#engine, text, left))
  }

  async #send(response: ServerResponse, signal: AbortSignal, start: () => AsyncIterable<ReplyPart>): Promise<void> {
    try {
      for await (const part of start()) {
        if (part.form === 'whole') sendJson(response, 200, part.body)
        else await sendLine(response, part.body)
        if (signal.aborted) break
      }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      if (signal.aborted) return
      if (response.headersSent) await sendLine(response, error.body())
      else sendJson(response, error.status, error.body())
    }
    if (!response.writableEnded) response.end()
  }
}

function sendRoot(method: string, response: ServerResponse): void {
  if (method !== 'GET' && method !== 'HEAD') return sendText(response, 405, '405 method not allowed')
  sendText(response, 200, 'Ollama is running')
}

async function sendLine(response: ServerResponse, body: unknown): Promise<void> {
  await sendPart(response, 'application/x-ndjson', `${JSON.stringify(body)}\n`)
}

function sendMissing(path: string, response: ServerResponse): void {
  if (MISSING_ROUTES.test(path)) sendJson(response, 501, { error: `the fake Ollama has no ${path}` })
  else sendText(response, 404, '404 page not found')
}
