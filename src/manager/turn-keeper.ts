import { createHash } from 'node:crypto'
import type { InferRequest } from '../spec/admin.ts'
import type { ChatMessage } from '../spec/chat.ts'
import type { AnswerOutcome, BegunTurn, Conversations } from '../spec/conversations.ts'
import type { ModelId } from '../spec/model.ts'

export interface TurnKeeperOptions {
  /** Absent = nothing is kept. */
  readonly conversations: Conversations | undefined
  readonly nowMs: () => number
  /** Something could not be kept; it is answered all the same. */
  readonly onNotKept: (error: unknown) => void
}

/** A turn that is kept. */
export interface KeptTurn {
  readonly conversationId: string
  /** The answer is as far as it will come. Resolves once it is kept, or could not be; only the first call counts. */
  finish(answer: ChatMessage, outcome: AnswerOutcome): Promise<void>
}

/** Keeps what is said: a question before it is answered, an answer before its reader is told that it is whole. */
export class TurnKeeper {
  readonly #options: TurnKeeperOptions

  constructor(options: TurnKeeperOptions) {
    this.#options = options
  }

  /** `undefined` where nothing is to be kept, or could not be. */
  async begin({ conversation, messages }: InferRequest, modelId: ModelId): Promise<KeptTurn | undefined> {
    const { conversations, nowMs, onNotKept } = this.#options
    if (!conversations || !conversation) return undefined
    const together = <Result>(work: () => Result): Promise<Result> | Result => conversations.together?.(work) ?? work()
    const said = { ...conversation, messages: messages.map(withImageMarks), modelId, atMs: nowMs() }
    let turn: BegunTurn
    try {
      turn = await together(() => conversations.begin(said))
    } catch (error) {
      onNotKept(error)
      return undefined
    }
    let isFinished = false
    return {
      conversationId: turn.conversationId,
      async finish(message, outcome) {
        if (isFinished) return
        isFinished = true
        try {
          await together(() => conversations.finish(turn, { message, modelId, outcome, atMs: nowMs() }))
        } catch (error) {
          onNotKept(error)
        }
      },
    }
  }
}

/** Of a picture its kind and digest are kept, not the picture: enough to tell two conversations apart. */
function withImageMarks(message: ChatMessage): ChatMessage {
  const { images = [], ...rest } = message
  if (images.length === 0) return message
  const marks = images.map(({ mimeType, base64 }) => {
    const digest = createHash('sha256').update(base64).digest('hex')
    return `[${mimeType} sha256:${digest}]`
  })
  return { ...rest, content: [message.content, ...marks].join('\n') }
}
