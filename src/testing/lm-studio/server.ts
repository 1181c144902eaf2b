import { type Exchange, LoopbackServer, type SeenRequest } from '../http/loopback-server.ts'
import { sendJson, sendPart } from '../http/send.ts'
import { type Body, isObject } from '../openai/request-fields.ts'
import { chatRoute, textRoute } from './answer-routes.ts'
import { embeddingRoute } from './embedding-route.ts'
import { loadRoute, unloadRoute } from './load-routes.ts'
import { modelsReply, oldModelRow, oldModelsReply, openAiModelsReply } from './model-replies.ts'
import { ClientLeft, Refusal } from './refusal.ts'
import type { Reply } from './reply.ts'
import type { FakeStudio } from './studio.ts'

type Route = (studio: FakeStudio, body: Body, left: AbortSignal) => Reply | Promise<Reply>

const OPENAI: readonly (readonly [string, Route])[] = [
  ['GET /v1/models', (studio) => whole(openAiModelsReply(studio))],
  ['POST /v1/chat/completions', chatRoute],
  ['POST /v1/completions', textRoute],
  ['POST /v1/embeddings', embeddingRoute],
]
const FROM_0_3: readonly (readonly [string, Route])[] = [
  ...OPENAI,
  ['GET /api/v0/models', (studio) => whole(oldModelsReply(studio))],
]
const FROM_0_4: readonly (readonly [string, Route])[] = [
  ...FROM_0_3,
  ['GET /api/v1/models', (studio) => whole(modelsReply(studio))],
  ['POST /api/v1/models/load', loadRoute],
  ['POST /api/v1/models/unload', unloadRoute],
]
const GREETING = '/lmstudio-greeting'
const OLD_MODEL = '/api/v0/models/'

/** LM Studio's HTTP: routes by version, tokens, and errors that are not always errors. */
export class StudioHttp {
  readonly #studio: FakeStudio
  readonly #server: LoopbackServer
  readonly #routes: ReadonlyMap<string, Route>

  constructor(studio: FakeStudio) {
    this.#studio = studio
    this.#routes = new Map(studio.version.startsWith('0.3.') ? FROM_0_3 : FROM_0_4)
    this.#server = new LoopbackServer(
      (exchange) => this.#answer(exchange),
      () => void studio.counters.cancelled++,
    )
  }

  /** Every request that came with its whole body, oldest first. */
  get seen(): readonly SeenRequest[] {
    return this.#server.seen
  }

  listen(port: number): Promise<number> {
    return this.#server.listen(port)
  }

  close(): Promise<void> {
    return this.#server.close()
  }

  async #answer(exchange: Exchange): Promise<void> {
    const { response } = exchange
    try {
      const reply = await this.#route(exchange)
      if (reply.form === 'whole') return sendJson(response, 200, reply.body)
      // The head goes out before it is known whether there will be an answer.
      await sendPart(response, 'text/event-stream', '')
      for await (const part of reply.parts) await sendPart(response, 'text/event-stream', part)
      response.end()
    } catch (error) {
      if (error instanceof ClientLeft) return void response.destroy()
      if (!(error instanceof Refusal)) throw error
      sendJson(response, error.status, { error: error.error })
    }
  }

  #route({ method, path, headers, text, left }: Exchange): Reply | Promise<Reply> {
    const studio = this.#studio
    if (path === GREETING) return whole({ lmstudio: true })
    checkToken(studio.knobs.apiToken, headers.authorization)
    if (method === 'GET' && path.startsWith(OLD_MODEL))
      return this.#oldModel(decodeURIComponent(path.slice(OLD_MODEL.length)))
    const route = this.#routes.get(`${method} ${path}`)
    // What is not there is told with 200.
    if (!route) return whole({ error: `Unexpected endpoint or method. (${method} ${path})` })
    return route(studio, method === 'POST' ? readBody(text) : {}, left)
  }

  #oldModel(key: string): Reply {
    const model = this.#studio.modelOf(key)
    if (!model) throw new Refusal(404, `Model "${key}" not found`)
    return whole(oldModelRow(this.#studio, model))
  }
}

function whole(body: unknown): Reply {
  return { form: 'whole', body }
}

function checkToken(token: string | undefined, authorization: string | undefined): void {
  if (token === undefined || authorization === `Bearer ${token}`) return
  const shown = authorization?.replace(/^Bearer /, '').slice(0, 10)
  const message =
    shown === undefined
      ? "An LM Studio API token is required to make requests to this server, but none was provided using the Authorization header using the 'Bearer' scheme (i.e., 'Authorization: Bearer $LM_API_TOKEN'). Learn more at: https://lmstudio.ai/docs/developer/core/authentication."
      : `Malformed LM Studio API token provided: ${shown}... Ensure you are using a valid token.`
  throw new Refusal(401, { type: 'invalid_request', code: 'invalid_api_key', message })
}

function readBody(text: string): Body {
  try {
    const value = JSON.parse(text) as unknown
    return isObject(value) ? value : {}
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new Refusal(400, `Invalid JSON: ${error.message}`)
  }
}
