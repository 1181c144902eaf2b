import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FakeEngine } from './engine.ts'
import { isAllowedHost } from './host-check.ts'
import { Refusal } from './refusal.ts'
import type { ReplyPart } from './reply.ts'
import { MISSING_ROUTES, ROUTES } from './routes.ts'

/** A request as it came, for tests to look at. */
export interface SeenRequest {
  readonly method: string
  readonly path: string
  /** What was sent, read as JSON where it is; `undefined` for no body. */
  readonly body: unknown
}

/** Ollama's HTTP: routes, status codes, JSON and lines of JSON. */
export class FakeHttpServer {
  readonly #engine: FakeEngine
  readonly #server: Server
  readonly #seen: SeenRequest[] = []

  constructor(engine: FakeEngine) {
    this.#engine = engine
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        // A broken fake must not look like a broken Ollama: the connection breaks, and the test sees the error.
        response.destroy()
        queueMicrotask(() => {
          throw error
        })
      })
    })
  }

  /** Every request that came with its whole body, oldest first. */
  get seen(): readonly SeenRequest[] {
    return this.#seen
  }

  /** Listens on loopback; port 0 chooses one. Returns the port. */
  async listen(port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, '127.0.0.1', resolve)
    })
    return (this.#server.address() as AddressInfo).port
  }

  /** No new connections, and those that are there break now. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeAllConnections()
    await closed
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '/' } = request
    const { pathname: path } = new URL(url, 'http://127.0.0.1')
    const leaving = new AbortController()
    response.on('close', () => {
      if (response.writableFinished) return
      this.#engine.counters.cancelled++
      leaving.abort()
    })
    const text = await readText(request)
    if (text === undefined) return
    this.#seen.push({ method, path, body: seenBody(text) })
    if (!isAllowedHost(request.headers.host)) return void response.writeHead(403).end()
    if (path === '/') return this.#sendRoot(method, response)
    const route = ROUTES.get(path)
    if (!route) return sendMissing(path, response)
    const handler = route[method]
    if (!handler) return sendText(response, 405, '405 method not allowed')
    await this.#send(response, leaving.signal, () => handler(this.#engine, text, leaving.signal))
  }

  #sendRoot(method: string, response: ServerResponse): void {
    if (method !== 'GET' && method !== 'HEAD') return sendText(response, 405, '405 method not allowed')
    sendText(response, 200, 'Ollama is running')
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

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body))
}

async function sendLine(response: ServerResponse, body: unknown): Promise<void> {
  if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/x-ndjson' })
  if (response.write(`${JSON.stringify(body)}\n`) || response.destroyed) return
  await new Promise<void>((resolve) => {
    response.once('drain', resolve)
    response.once('close', resolve)
  })
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(text)
}

function sendMissing(path: string, response: ServerResponse): void {
  if (MISSING_ROUTES.test(path)) sendJson(response, 501, { error: `the fake Ollama has no ${path}` })
  else sendText(response, 404, '404 page not found')
}

/** `undefined` when the client leaves before its body is here. */
async function readText(request: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = []
  return new Promise((resolve) => {
    request.on('data', (part: Buffer) => void parts.push(part))
    request.on('end', () => resolve(Buffer.concat(parts).toString('utf8')))
    request.on('close', () => resolve(undefined))
    request.on('error', () => resolve(undefined))
  })
}

function seenBody(text: string): unknown {
  if (text === '') return undefined
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    if (error instanceof SyntaxError) return text
    throw error
  }
}
