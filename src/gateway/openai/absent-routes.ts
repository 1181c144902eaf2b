import type { FastifyInstance } from 'fastify'
import { resourceError } from '../../spec/errors.ts'

const SPEECH = 'No engine here hears or speaks: whisper.cpp or a server of its own does'
const PICTURES = 'No engine here makes pictures: stable-diffusion.cpp or ComfyUI does'
const RERANK =
  'No engine here ranks documents; compare the vectors of POST /v1/embeddings, or use llama-server --reranking'
const FILES = 'Files are not kept here; send what they say within the request'
const TRAINING = 'Models are not trained or judged here'
const ASSISTANTS = 'OpenAI itself gives it up for POST /v1/responses, which is here'
const BATCHES = 'Requests are answered while their client waits; send them one by one, with a low priority'

/** Calls of OpenAI's and Anthropic's APIs that are not here, by the beginning of their path, and why. */
const ABSENT: readonly (readonly [path: string, why: string])[] = [
  ['/v1/audio', SPEECH],
  ['/v1/realtime', SPEECH],
  ['/v1/images', PICTURES],
  ['/v1/videos', PICTURES],
  ['/v1/rerank', RERANK],
  ['/v1/reranking', RERANK],
  ['/rerank', RERANK],
  ['/reranking', RERANK],
  [
    '/v1/moderations',
    'No engine here judges what is said; ask a model that was trained for it by POST /v1/chat/completions',
  ],
  ['/v1/files', FILES],
  ['/v1/uploads', FILES],
  ['/v1/vector_stores', FILES],
  ['/v1/batches', BATCHES],
  ['/v1/messages/batches', BATCHES],
  ['/v1/fine_tuning', TRAINING],
  ['/v1/evals', TRAINING],
  ['/v1/assistants', ASSISTANTS],
  ['/v1/threads', ASSISTANTS],
  ['/v1/conversations', 'Continue with previous_response_id; GET /grym/v1/conversations lists what is kept'],
]

/** They are refused with 501 `not-implemented`, so that nobody takes them for a wrong address. */
export function addAbsentRoutes(app: FastifyInstance): void {
  for (const [path, why] of ABSENT) {
    const refuse = async (): Promise<never> => {
      throw resourceError('not-implemented', `${path} is not served. ${why}.`)
    }
    app.all(path, refuse)
    app.all(`${path}/*`, refuse)
  }
  app.post<{ Params: { id: string } }>('/v1/responses/:id/cancel', async () => {
    const message =
      'Only a response that is made in the background can be cancelled, and none is here. Close the connection of the request instead.'
    throw resourceError('invalid-request', message)
  })
}
