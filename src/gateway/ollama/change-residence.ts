import type { FastifyReply, FastifyRequest } from 'fastify'
import { clientSignal } from '../client-signal.ts'
import type { Reception } from '../reception.ts'
import { requestWish } from '../request-wish.ts'
import type { DecodedAnswer } from './answer-fields.ts'
import type { AnswerForm } from './answer-form.ts'

/**
 * A request without a question loads its model, or, with a `keep_alive` of 0, unloads it; one that is not loaded is unloaded
 * as well. Answers with one object once that is done: an unload waits for what the model is serving, unlike Ollama's, so
 * that the memory is free when the answer says so.
 */
export async function changeResidence(
  reception: Reception,
  { request: { model }, said, load }: DecodedAnswer,
  form: AnswerForm,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<object> {
  const signal = clientSignal(reply)
  // What is set for a key is about requests that leave a model loaded: it unloads nothing by itself.
  const isUnload = requestWish({ keep_alive: said.wish.keep_alive }, {})?.keepAliveMs === 0
  const wish = reception.wish(request, said.wish)
  const wished = load ? { ...wish, ...load } : wish
  const { manager } = reception
  const { modelId } = isUnload ? await manager.unload(model, signal) : await manager.load(model, signal, wished)
  reply.header('X-Grym-Model', encodeURI(modelId))
  return {
    model: model ?? modelId,
    created_at: new Date().toISOString(),
    ...form.fieldsOf([]),
    done: true,
    done_reason: isUnload ? 'unload' : 'load',
  }
}
