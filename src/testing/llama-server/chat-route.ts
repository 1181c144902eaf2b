import type { DecodedToken } from '../answering/decode.ts'
import { type Body } from '../openai/request-fields.ts'
import {
  chatChunk,
  ChatDeltas,
  chatReply,
  finishReasonOf,
  messageOf,
  type ReplyHead,
  sse,
  SSE_DONE,
  usageOf,
} from '../openai/replies.ts'
import { readChat } from './chat-request.ts'
import { complete, type Completion, timingsOf } from './completion.ts'
import type { LlamaEngine } from './engine.ts'
import { logprobsOf } from './logprobs.ts'
import { BUILD_INFO } from './model-replies.ts'
import type { Reply } from './reply.ts'

/** `POST /v1/chat/completions`. */
export function chatRoute(engine: LlamaEngine, body: Body, left: AbortSignal): Reply {
  const completion = readChat(engine, body)
  const head = replyHead(engine)
  if (completion.isStream) return { form: 'stream', parts: stream(engine, completion, head, left) }
  return { form: 'whole', body: whole(engine, completion, head, left) }
}

/** What every part of an answer begins with. */
export function replyHead(engine: LlamaEngine): ReplyHead {
  const created = Math.floor(engine.clock.nowMs() / 1000)
  return { id: engine.nextCompletionId(), model: engine.options.alias, created, system_fingerprint: BUILD_INFO }
}

async function* stream(
  engine: LlamaEngine,
  completion: Completion,
  head: ReplyHead,
  left: AbortSignal,
): AsyncGenerator<string> {
  const deltas = new ChatDeltas(callIdOf(head))
  let isFirst = true
  for await (const part of complete(engine, completion, left)) {
    if (part.type === 'begin') yield ''
    else if (part.type === 'token') {
      const made = [...(isFirst ? [{ role: 'assistant', content: null }] : []), ...deltas.of(part)]
      isFirst = false
      const logprobs = { content: [logprobsOf(engine, part.token, completion.topLogprobs)] }
      const isLogged = completion.topLogprobs > 0
      const events = made.map((delta, place) =>
        sse(chatChunk(head, delta, null, isLogged && place === made.length - 1 ? { logprobs } : {})),
      )
      if (events.length > 0) yield events.join('')
    } else {
      const timings = { timings: timingsOf(part) }
      const last = chatChunk(head, {}, finishReasonOf(part, deltas.hasCalls))
      if (!completion.isUsageSent) yield sse({ ...last, ...timings })
      else {
        const usage = { choices: [], ...head, object: 'chat.completion.chunk', usage: usageOf(part) }
        yield sse(last) + sse({ ...usage, ...timings })
      }
    }
  }
  yield SSE_DONE
}

async function whole(
  engine: LlamaEngine,
  completion: Completion,
  head: ReplyHead,
  left: AbortSignal,
): Promise<Record<string, unknown>> {
  const tokens: DecodedToken[] = []
  for await (const part of complete(engine, completion, left)) {
    if (part.type === 'token') tokens.push(part)
    if (part.type !== 'end') continue
    const message = messageOf(tokens, callIdOf(head))
    const content = tokens.map(({ token }) => logprobsOf(engine, token, completion.topLogprobs))
    const reply = chatReply(
      head,
      message,
      finishReasonOf(part, message['tool_calls'] !== undefined),
      completion.topLogprobs > 0 ? { logprobs: { content } } : {},
    )
    return { ...reply, usage: usageOf(part), timings: timingsOf(part) }
  }
  throw new Error('an answer has an end')
}

/** Made of the answer's own id, where llama-server throws dice. */
function callIdOf(head: ReplyHead): (index: number) => string {
  return (index) => `${head.id.replace('chatcmpl-', 'call')}${index}`
}
