import type { IncomingHttpHeaders } from 'node:http'
import Fastify, { LogController, type FastifyBaseLogger, type FastifyInstance, type RouteOptions } from 'fastify'
import type { ManagerService } from '../spec/admin.ts'
import { resourceError } from '../spec/errors.ts'
import type { OwnerId } from '../spec/owner-id.ts'
import type { ModelWish } from '../spec/model-wish.ts'
import type { ServedServices } from '../spec/services.ts'
import { addCacheRoutes } from './admin/cache-routes.ts'
import { addConfigurationRoute } from './admin/configuration-route.ts'
import { addContextRoutes } from './admin/context-routes.ts'
import { addConversationRoutes } from './admin/conversation-routes.ts'
import { addEventRoutes } from './admin/event-routes.ts'
import { addHistoryRoutes } from './admin/history-routes.ts'
import { addLogRoute } from './admin/log-route.ts'
import { addModelRoutes } from './admin/model-routes.ts'
import { addCountTokensRoute } from './anthropic/count-tokens-route.ts'
import { addMessagesRoute } from './anthropic/messages-route.ts'
import { BrokenRequests } from './broken-request.ts'
import { CLIENT_DEADLINES, type ClientDeadlines, dropStalled, serverOptions } from './client-deadlines.ts'
import { replyError } from './error-reply.ts'
import { addHealthRoutes, type Health } from './health-routes.ts'
import { checkHost } from './host-check.ts'
import { addJsonParser } from './json-body.ts'
import { addOllamaRoutes } from './ollama/ollama-routes.ts'
import { addAbsentRoutes } from './openai/absent-routes.ts'
import { addChatRoute } from './openai/chat-route.ts'
import { addCompletionsRoute } from './openai/completions-route.ts'
import { addEmbeddingsRoute } from './openai/embeddings-route.ts'
import { addModelListRoutes } from './openai/model-list-routes.ts'
import { Reception } from './reception.ts'
import { addResponseRoutes } from './responses/response-routes.ts'
import { unknownRoute } from './unknown-route.ts'

export interface GatewayOptions {
  /** Absent while the daemon is starting: everything but health is answered with 503. */
  readonly services: () => ServedServices | undefined
  /** Are conversations of this owner kept? */
  readonly keeps: (owner: OwnerId) => boolean
  /** How models are kept for a key's requests that say nothing of it. */
  readonly keyDefaults: (owner: OwnerId) => ModelWish
  /** Lets a request in, or throws. Absent = whoever reaches the port. */
  readonly admit?: (headers: IncomingHttpHeaders) => void
  readonly health: () => Health
  /** Empty until the daemon has composed itself. */
  readonly instanceId: () => string
  /** Host names served beside the loopback ones. */
  readonly allowedHosts: readonly string[]
  readonly maxBodyBytes: number
  readonly keepAliveAfterMs: number
  readonly logger: FastifyBaseLogger
  /** Default {@link CLIENT_DEADLINES}. */
  readonly deadlines?: ClientDeadlines
  /** Told of each route as it is added. */
  readonly onRoute?: (route: RouteOptions) => void
}

/** Sent by every response; a request that carries our own came back to us. */
const INSTANCE_HEADER = 'x-grym-instance'
/** Routes that answer while the daemon starts or drains, and without a key: they say only that it is there. */
const ALWAYS_OPEN = new Set(['/health', '/ready', '/'])

/** The HTTP front: one Fastify app, one file per concern. */
export function buildGateway(options: GatewayOptions): FastifyInstance {
  const { deadlines = CLIENT_DEADLINES, onRoute } = options
  const broken = new BrokenRequests()
  const app = Fastify({
    loggerInstance: options.logger,
    // The error exit writes what went wrong; a line per request would drown it.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: options.maxBodyBytes,
    requestTimeout: deadlines.requestMs,
    http: serverOptions(deadlines),
    clientErrorHandler: (error, socket) => broken.refuse(error, socket, options.logger),
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 300 },
    // What cannot be routed (a path that is no valid URL) is answered in our own words, too.
    frameworkErrors: (error, request, reply) => {
      replyError(error, request, reply)
    },
  })
  broken.follow(app, options.logger)
  if (onRoute) app.addHook('onRoute', onRoute)
  app.addHook('onRequest', async (request, reply) => {
    dropStalled(reply, deadlines.stallMs)
    const instanceId = options.instanceId()
    if (instanceId !== '') reply.header('X-Grym-Instance', instanceId)
    checkHost(request.headers, options.allowedHosts)
    if (instanceId !== '' && request.headers[INSTANCE_HEADER] === instanceId) {
      throw resourceError(
        'request-loop',
        'This request was sent by this very daemon. Point the upstream at the engine.',
      )
    }
    if (ALWAYS_OPEN.has(request.routeOptions.url ?? '')) return
    options.admit?.(request.headers)
    if (!options.services()) {
      throw resourceError('starting', 'The daemon is still starting. GET /health says how far it is.')
    }
  })
  app.setErrorHandler((error, request, reply) => replyError(error, request, reply))
  app.setNotFoundHandler((request, reply) => replyError(unknownRoute(app, request, reply), request, reply))
  addJsonParser(app)
  const services = (): ServedServices => {
    const ready = options.services()
    if (!ready) throw resourceError('starting', 'The daemon is still starting. GET /health says how far it is.')
    return ready
  }
  const manager = (): ManagerService => services().manager
  const { keeps, keyDefaults, keepAliveAfterMs } = options
  const reception = new Reception({ services, keeps, keyDefaults, keepAliveAfterMs })
  addHealthRoutes(app, options.health)
  addModelListRoutes(app, manager)
  addChatRoute(app, reception)
  addCompletionsRoute(app, reception)
  addEmbeddingsRoute(app, reception)
  addResponseRoutes(app, reception)
  addAbsentRoutes(app)
  addMessagesRoute(app, reception)
  addCountTokensRoute(app, reception)
  addOllamaRoutes(app, reception, () => services().library)
  addModelRoutes(app, manager)
  addCacheRoutes(app, manager, () => services().cache)
  addEventRoutes(app, manager)
  addConversationRoutes(app, () => services().conversations)
  addContextRoutes(app, () => services().contexts)
  addHistoryRoutes(app, () => services().history)
  addLogRoute(app, () => services().engineLogs)
  addConfigurationRoute(app, () => services().configuration)
  return app
}
