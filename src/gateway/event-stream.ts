import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'

/** Server-sent events on a raw response (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
export class EventStream {
  readonly #response: ServerResponse

  constructor(reply: FastifyReply) {
    reply.hijack()
    this.#response = reply.raw
    for (const [name, value] of Object.entries(reply.getHeaders())) {
      if (value !== undefined) this.#response.setHeader(name, value)
    }
    this.#response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
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

  /** Sends one message; resolves when there is room for more, or the client is gone. */
  async send(data: string, fields = ''): Promise<void> {
    if (!this.#write(`${fields}data: ${data}\n\n`)) await this.#drained()
  }

  /** Sends without waiting, for messages that come by themselves. */
  post(data: string, fields: string): void {
    this.#write(`${fields}data: ${data}\n\n`)
  }

  /** A comment, which clients ignore: shows that the connection lives. */
  comment(text: string): void {
    this.#write(`: ${text}\n\n`)
  }

  end(): void {
    this.#response.end()
  }

  /** Breaks the connection. */
  drop(): void {
    this.#response.destroy()
  }

  #write(text: string): boolean {
    return this.#response.destroyed || this.#response.writableEnded || this.#response.write(text)
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
