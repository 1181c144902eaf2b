import type { InferChunk, InferRequest } from '../../src/spec/admin.ts'
import type { AnswerPart, FinishReason } from '../../src/spec/chat.ts'
import type { ServedManager } from './served-manager.ts'

/** An event of a stream, read. */
export interface ReadEvent {
  readonly event: string
  readonly data: Readonly<Record<string, unknown>> & { readonly type: string }
}

/** How an answer is to go. */
export interface Said {
  readonly parts?: readonly AnswerPart[]
  readonly finishReason?: FinishReason
  /** Instead of the end. */
  readonly failure?: Error
  /** In which it is kept; `null` = nowhere. Default `conv_1`. */
  readonly conversationId?: string | null
}

export const HELLO: Said = { parts: [{ type: 'text', text: 'Hello' }] }

/** Asks `POST /v1/responses` of a served manager that gives this answer. */
export async function respond(
  served: ServedManager,
  body: object,
  said: Said = HELLO,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly response: Response; readonly request: InferRequest }> {
  const asking = fetch(`${served.url}/v1/responses`, { method: 'POST', headers, body: JSON.stringify(body) })
  const { request, answer } = await served.manager.next()
  for (const chunk of chunksOf(said)) answer.push(chunk)
  if (said.failure) answer.fail(said.failure)
  else answer.end()
  return { response: await asking, request }
}

function chunksOf({ parts = [], finishReason = 'stop', failure, conversationId = 'conv_1' }: Said): InferChunk[] {
  const kept = conversationId === null ? {} : { conversationId }
  const receipt = { requestId: 'r1', modelId: 'a', queueWaitMs: 3, loadMs: 4, ...kept }
  const usage = { promptTokens: 10, cachedTokens: 6, generatedTokens: 2, reasoningTokens: 1 }
  const end: InferChunk[] = failure ? [] : [{ type: 'end', finishReason, usage, receipt }]
  return [{ type: 'start', receipt }, ...parts, ...end]
}

export function eventsOf(text: string): ReadEvent[] {
  return text
    .split('\n\n')
    .filter((block) => block.startsWith('event: '))
    .map((block) => {
      const [, event = '', data = ''] = /^event: (\S+)\ndata: (.*)$/.exec(block) ?? []
      return { event, data: JSON.parse(data) as ReadEvent['data'] }
    })
}
