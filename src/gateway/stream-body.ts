import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'

/** Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
export const EVENT_STREAM = 'text/event-stream; charset=utf-8'

/** The body of a response whose pieces go out as they come. */
export class StreamBody {
  readonly #response: ServerResponse

  constructor(reply: FastifyReply, contentType: string) {
    reply.hijack()
    this.#response = reply.raw
    for (const [name, value] of Object.entries(reply.getHeaders())) {
      if (value !== undefined) this.#response.setHeader(name, value)
    }
    this.#response.writeHead(200, {
      'content-type': contentType,
      'cache-control': 'no-cache',
      // Proxies that collect a response before passing it on would turn a stream into one late answer.
      'x-accel-buffering': 'no',
    })
    this.#response.flushHeaders()
  }

  /** Bytes written that the client has not taken yet. */
  get waitingBytes(): number {
    return this.#response.writableLength
  }

  /** Resolves when there is room for more, or the client is gone; at once for an empty piece. */
  async write(piece: string | Uint8Array): Promise<void> {
    if (!this.post(piece)) await this.#drained()
  }

  /** Sends without waiting, for pieces that come by themselves. Returns whether there is room for more. */
  post(piece: string | Uint8Array): boolean {
    const response = this.#response
    return piece.length === 0 || response.destroyed || response.writableEnded || response.write(piece)
  }

  /** @param lastPiece sent before the end. */
  end(lastPiece: string | Uint8Array = ''): void {
    if (!this.#response.destroyed) this.#response.end(lastPiece)
  }

  /** Breaks the connection. */
  drop(): void {
    this.#response.destroy()
  }

  async #drained(): Promise<void> {
    const stop = new AbortController()
    const { signal } = stop
    try {
      await Promise.race([once(this.#response, 'drain', { signal }), once(this.#response, 'close', { signal })])
    } finally {
      stop.abort()
    }
  }
}
