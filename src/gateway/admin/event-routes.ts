import type { FastifyInstance } from 'fastify'
import type { ManagerService } from '../../spec/admin.ts'
import { resourceError } from '../../spec/errors.ts'
import { EVENT_STREAM, StreamBody } from '../stream-body.ts'

/** Followers at once. */
export const MAX_FOLLOWERS = 64
/** A follower that lets more than this pile up is dropped: it can resume from its last id. */
const MAX_WAITING_BYTES = 1_000_000
const HEARTBEAT_MS = 15_000

/** `GET /grym/v1/events`: everything that happens, as it happens; `Last-Event-ID` resumes. */
export function addEventRoutes(app: FastifyInstance, manager: () => ManagerService): void {
  let followers = 0
  // HEAD would follow the events without ever getting one.
  app.get('/grym/v1/events', { exposeHeadRoute: false }, async (request, reply) => {
    if (followers >= MAX_FOLLOWERS) {
      throw resourceError(
        'too-many-connections',
        `${MAX_FOLLOWERS} clients follow the events already. Close one first.`,
      )
    }
    const afterEventId = decodeLastId(request.headers['last-event-id'])
    const service = manager()
    // A body that came along is thrown away: unread, it would hide from us that the client has left.
    request.raw.resume()
    const stream = new StreamBody(reply, EVENT_STREAM)
    followers += 1
    const heartbeat = setInterval(() => stream.post(': alive\n\n'), HEARTBEAT_MS)
    const unsubscribe = service.subscribe(afterEventId, (event) => {
      stream.post(`id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
      if (stream.waitingBytes > MAX_WAITING_BYTES) stream.drop()
    })
    reply.raw.once('close', () => {
      clearInterval(heartbeat)
      unsubscribe()
      followers -= 1
    })
    return reply
  })
}

function decodeLastId(header: string | string[] | undefined): number | undefined {
  if (header === undefined) return undefined
  const id = Number(header)
  if (Number.isInteger(id) && id >= 0) return id
  throw resourceError('invalid-request', 'Last-Event-ID must be the id of an event: a whole number.')
}
