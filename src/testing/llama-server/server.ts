import { type Exchange, LoopbackServer, type SeenRequest } from '../http/loopback-server.ts'
import { sendJson, sendPart } from '../http/send.ts'
import { sse } from '../openai/replies.ts'
import { pause } from '../time/pause.ts'
import type { LlamaEngine } from './engine.ts'
import { ClientLeft, Refusal } from './refusal.ts'
import type { Reply } from './reply.ts'
import { readBody, ROUTES } from './routes.ts'
import { slotAction } from './slot-files.ts'

const PUBLIC_PATHS: ReadonlySet<string> = new Set(['/health', '/v1/health', '/'])
const SLOT_PATH = /^\/slots\/([^/]+)$/

/** llama-server's HTTP: routes, status codes, and streams that are kept open by comments. */
export class LlamaHttp {
  readonly #engine: LlamaEngine
  readonly #server: LoopbackServer

  constructor(engine: LlamaEngine) {
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

  listen(port: number, host: string): Promise<number> {
    return this.#server.listen(port, host)
  }

  /** No new connections; resolves when those with an answer under way are gone, which nobody hurries. */
  drain(): Promise<void> {
    return this.#server.drain()
  }

  /** Connections break now. */
  close(): Promise<void> {
    return this.#server.close()
  }

  async #answer(exchange: Exchange): Promise<void> {
    const { method, response } = exchange
    if (method === 'OPTIONS') return void response.writeHead(200, { 'content-type': 'text/html' }).end()
    try {
      const reply = this.#route(exchange)
      if (reply.form === 'whole') sendJson(response, 200, await reply.body)
      else await this.#stream(exchange, reply.parts)
    } catch (error) {
      if (error instanceof ClientLeft) return void response.destroy()
      if (!(error instanceof Refusal)) throw error
      sendJson(response, error.status, { error: error.body() })
    }
  }

  #route({ method, path, query, headers, text, left }: Exchange): Reply {
    const engine = this.#engine
    if (!engine.isReady) throw new Refusal('unavailable_error', 'Loading model')
    if (!PUBLIC_PATHS.has(path) && !isAllowed(engine.options.apiKeys, headers)) {
      throw new Refusal('authentication_error', 'Invalid API Key')
    }
    const [, slotId] = SLOT_PATH.exec(path) ?? []
    if (slotId !== undefined && method === 'POST') {
      const action = query.get('action')
      // Only files have a body.
      const body = action === 'save' || action === 'restore' ? readBody(text) : {}
      return { form: 'whole', body: slotAction(engine, { id: slotId, action, left, body }) }
    }
    const route = ROUTES.get(`${method} ${path}`)
    if (!route) throw new Refusal('not_found_error', 'File Not Found')
    return route(engine, method === 'POST' ? readBody(text) : {}, left)
  }

  /**
   * Sends the parts as they come. Whoever waits longer than the interval gets a comment; and only then is it seen that the
   * process has been told to end, as in the real one.
   */
  async #stream({ response, left }: Exchange, parts: AsyncGenerator<string>): Promise<void> {
    const type = 'text/event-stream'
    try {
      for (;;) {
        const next = parts.next()
        while (response.headersSent && (await this.#isSilent(next, left))) {
          this.#engine.counters.pings++
          await sendPart(response, type, ':\n\n')
          if (this.#engine.isEnding) return void response.destroy()
        }
        const { done, value } = await next
        if (done) break
        await sendPart(response, type, value)
      }
    } catch (error) {
      // The first error is a status; a later one is the last event of the stream.
      if (!(error instanceof Refusal) || !response.headersSent) throw error
      await sendPart(response, type, sse({ error: error.body() }))
    } finally {
      await parts.return(undefined)
    }
    response.end()
  }

  /** Whether the interval is over before the next part is there. */
  async #isSilent(next: Promise<unknown>, left: AbortSignal): Promise<boolean> {
    const { clock, options } = this.#engine
    if (options.ssePingMs <= 0) return false
    const done = new AbortController()
    const arrived = next.then(
      () => 'aborted',
      () => 'aborted',
    )
    const end = await Promise.race([arrived, pause(clock, options.ssePingMs, AbortSignal.any([left, done.signal]))])
    done.abort()
    return end === 'over'
  }
}

function isAllowed(keys: readonly string[], headers: Exchange['headers']): boolean {
  if (keys.length === 0) return true
  const given = headers.authorization ?? headers['x-api-key']
  return typeof given === 'string' && keys.includes(given.replace(/^Bearer /, ''))
}
