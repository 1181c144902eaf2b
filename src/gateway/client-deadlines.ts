import type { ServerOptions } from 'node:http'
import type { FastifyReply } from 'fastify'

/** How long a client may take. Whoever takes longer holds a connection that others need, and is let go. */
export interface ClientDeadlines {
  /** For the headers of a request, from its first byte. Then 408 `request-too-slow`. */
  readonly headersMs: number
  /** For a whole request, body and all, from its first byte. Then 408 `request-too-slow`. */
  readonly requestMs: number
  /**
   * For any byte of an answer that waits for the client, while it takes none. Then the connection is broken: what the
   * client has not taken is held until it leaves, and one that never does would hold it for ever.
   */
  readonly stallMs: number
}

export const CLIENT_DEADLINES: ClientDeadlines = { headersMs: 20_000, requestMs: 120_000, stallMs: 120_000 }

/** How exactly the deadlines of requests are kept. */
const DEADLINE_CHECK_MS = 5_000
/** A connection on which nothing happened for so long is asked by TCP whether the other end is still there. */
const TCP_KEEP_ALIVE_MS = 60_000

/** What every server of the gateway is made with, whichever address it listens on. */
export function serverOptions({ headersMs, requestMs }: ClientDeadlines): ServerOptions {
  return {
    headersTimeout: headersMs,
    requestTimeout: requestMs,
    connectionsCheckingInterval: Math.min(DEADLINE_CHECK_MS, headersMs),
    keepAlive: true,
    keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
    // The Host check says what is wrong; Node would say nothing.
    requireHostHeader: false,
  }
}

/**
 * Breaks the connection of a client that takes nothing of its answer for `stallMs`. One that waits for its answer is left
 * alone: nothing waits for it.
 */
export function dropStalled(reply: FastifyReply, stallMs: number): void {
  const response = reply.raw
  response.setTimeout(stallMs, () => {
    if (response.writableLength > 0) response.destroy()
  })
}
