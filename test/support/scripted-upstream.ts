import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  /** JSON, parsed; `undefined` = there was none. */
  readonly body: unknown
}

export type Script = (request: SeenRequest, response: ServerResponse) => void | Promise<void>

/** An HTTP server on loopback that answers as a test tells it, and remembers what it was asked. */
export class ScriptedUpstream implements AsyncDisposable {
  script: Script
  readonly seen: SeenRequest[] = []
  /** Connections that were opened so far. */
  connectionCount = 0
  readonly #server: Server

  private constructor(script: Script) {
    this.script = script
    this.#server = createServer((request, response) => void this.#serve(request, response))
    this.#server.on('connection', () => this.connectionCount++)
  }

  static async start(script: Script): Promise<ScriptedUpstream> {
    const upstream = new ScriptedUpstream(script)
    await new Promise<void>((resolve) => upstream.#server.listen(0, '127.0.0.1', resolve))
    return upstream
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = []
    for await (const piece of request) pieces.push(piece as Buffer)
    const text = Buffer.concat(pieces).toString('utf8')
    const body = text === '' ? undefined : (JSON.parse(text) as unknown)
    const seen = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body }
    this.seen.push(seen)
    await this.script(seen, response)
  }
}

export function sendJson(response: ServerResponse, status: number, body: unknown, headers: object = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(typeof body === 'string' ? body : JSON.stringify(body))
}

/** Begins a stream and sends these events; `[DONE]` and other texts as they are. */
export function sendEvents(response: ServerResponse, events: readonly unknown[]): void {
  if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const event of events) response.write(`data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`)
}

/** A whole stream of chat: these texts, an end and its usage. */
export function sendChat(response: ServerResponse, texts: readonly string[], model = 'm'): void {
  const choice = (delta: object, finishReason: string | null = null): object => ({
    model,
    choices: [{ index: 0, delta, finish_reason: finishReason }],
  })
  sendEvents(response, [
    ...texts.map((content) => choice({ content })),
    choice({}, 'stop'),
    { model, choices: [], usage: { prompt_tokens: 3, completion_tokens: texts.length } },
    '[DONE]',
  ])
  response.end()
}
