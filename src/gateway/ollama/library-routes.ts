import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { DownloadProgress, ModelLibrary } from '../../spec/model-library.ts'
import { checkBody, invalid } from '../check-body.ts'
import { clientSignal } from '../client-signal.ts'
import { logError } from '../error-reply.ts'
import { StreamBody } from '../stream-body.ts'
import { ollamaError } from './encode-error.ts'
import { askedName, nameFields } from './named-model.ts'
import { NDJSON } from './ndjson.ts'

/** Progress comes with every packet; people read it this often. */
const TELL_EVERY_MS = 100

const pullRequest = z.looseObject({
  ...nameFields,
  stream: z.boolean({ error: 'must be true or false' }).nullish(),
})
const deleteRequest = z.looseObject(nameFields)

/**
 * `POST /api/pull`, as objects one a line unless `stream: false`, and `DELETE /api/delete`: what `grym pull` and `grym rm` do.
 * Models are named, never found by a path.
 */
export function addLibraryRoutes(app: FastifyInstance, library: () => ModelLibrary): void {
  app.post('/api/pull', async (request, reply) => {
    const body = checkBody(pullRequest, request.body)
    const name = nameOf(body)
    const signal = clientSignal(reply)
    if (body.stream ?? true) return streamPull(library(), name, signal, request, reply)
    await library().pull(name, () => {}, signal)
    return { status: 'success' }
  })
  app.delete('/api/delete', async (request, reply) => {
    const { modelId } = await library().remove(nameOf(checkBody(deleteRequest, request.body)), clientSignal(reply))
    reply.header('X-Grym-Model', encodeURI(modelId))
    return reply.send()
  })
}

/** Nothing is done to the default model without its name. */
function nameOf(body: Parameters<typeof askedName>[0]): string {
  const name = askedName(body)
  if (name === undefined) throw invalid('model: name the model.', 'model')
  return name
}

/** What is refused before anything is downloaded is a proper error; what fails later is told in the last line. */
async function streamPull(
  library: ModelLibrary,
  name: string,
  signal: AbortSignal,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  let body: StreamBody | undefined
  let toldAtMs = -Infinity
  const tell = (line: object): void => void (body ??= new StreamBody(reply, NDJSON)).post(`${JSON.stringify(line)}\n`)
  const onProgress = (progress: DownloadProgress): void => {
    const nowMs = performance.now()
    const isDone = progress.receivedBytes >= progress.totalBytes
    if (nowMs - toldAtMs < TELL_EVERY_MS && !isDone) return
    toldAtMs = nowMs
    if (!body) tell({ status: 'pulling manifest' })
    tell(encodeProgress(name, progress))
  }
  try {
    await library.pull(name, onProgress, signal)
    if (!body) tell({ status: 'pulling manifest' })
    tell({ status: 'success' })
  } catch (error) {
    if (!body) throw error
    const { known, id } = logError(error, request)
    tell(ollamaError(known, id))
  }
  body?.end()
}

/** Without `digest`: that of what comes is not known for every source before it is here. */
function encodeProgress(name: string, { source, receivedBytes, totalBytes }: DownloadProgress): object {
  return { status: `pulling ${name} from ${source}`, total: totalBytes, completed: receivedBytes }
}
