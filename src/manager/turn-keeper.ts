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
  /** The answer is as far as it will come. */
  finish(answer: ChatMessage, outcome: AnswerOutcome): void
}

/** Keeps what is said: a question before it is answered, an answer before its reader is told that it is whole. */
export class TurnKeeper {
  readonly #options: TurnKeeperOptions

  constructor(options: TurnKeeperOptions) {
    this.#options = options
  }

  /** `undefined` where nothing is to be kept, or could not be. */
  begin({ conversation, messages }: InferRequest, modelId: ModelId): KeptTurn | undefined {
    const { conversations, nowMs, onNotKept } = this.#options
    if (!conversations || !conversation) return undefined
    let turn: BegunTurn
    try {
      turn = conversations.begin({ ...conversation, messages: messages.map(withImageMarks), modelId, atMs: nowMs() })
    } catch (error) {
      onNotKept(error)
      return undefined
    }
    return {
      conversationId: turn.conversationId,
      finish(message, outcome) {
        try {
          conversations.finish(turn, { message, modelId, outcome, atMs: nowMs() })
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
