import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request as it came, for tests to look at. */
export interface SeenRequest {
  readonly method: string
  readonly path: string
  /** What was sent, read as JSON where it is; `undefined` for no body. */
  readonly body: unknown
}

/** A request with its whole body, and where its answer goes. */
export interface Exchange {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly response: ServerResponse
  /** Given when the client goes away before the end of its answer. */
  readonly left: AbortSignal
}

/** The HTTP of a fake: reads whole bodies, remembers them, and knows when a client goes away. */
export class LoopbackServer {
  readonly #server: Server
  readonly #seen: SeenRequest[] = []
  readonly #answer: (exchange: Exchange) => Promise<void>
  readonly #onLeft: () => void

  constructor(answer: (exchange: Exchange) => Promise<void>, onLeft: () => void = () => {}) {
    this.#answer = answer
    this.#onLeft = onLeft
    this.#server = createServer((request, response) => {
      this.#take(request, response).catch((error: unknown) => {
        // A broken fake must not look like a broken engine: the connection breaks, and the test sees the error.
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

  /** Listens; port 0 chooses one. Returns the port. Rejects with Node's error when it is taken. */
  async listen(port: number, host = '127.0.0.1'): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, host, resolve)
    })
    return (this.#server.address() as AddressInfo).port
  }

  /** No new connections, and idle ones end; resolves when the answers under way have ended too. */
  async drain(): Promise<void> {
    const closed = this.#closed()
    this.#server.closeIdleConnections()
    await closed
  }

  /** No new connections, and those that are there break now. */
  async close(): Promise<void> {
    const closed = this.#closed()
    this.#server.closeAllConnections()
    await closed
  }

  #closed(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '/', headers } = request
    const { pathname: path, searchParams: query } = new URL(url, 'http://127.0.0.1')
    const leaving = new AbortController()
    response.on('close', () => {
      if (response.writableFinished) return
      this.#onLeft()
      leaving.abort()
    })
    const text = await readText(request)
    if (text === undefined) return
    this.#seen.push({ method, path, body: seenBody(text) })
    await this.#answer({ method, path, query, headers, text, response, left: leaving.signal })
  }
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
