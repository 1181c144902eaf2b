import type { AnswerEnd, AnswerPiece } from './generation.ts'
import type { CannedCall } from '../answering/answer-script.ts'
import { logprobsOf } from './logprobs.ts'

/** How `/api/generate` and `/api/chat` put the same answer into words of their own. */
export interface ReplyForm {
  /** The fields of a part: `response` and `thinking`, or a `message`. */
  part(content: string, thinking: string, calls: readonly CannedCall[]): Record<string, unknown>
}

/** What all parts of one answer have in common. */
export interface ReplySetting {
  readonly asked: string
  readonly createdAt: () => string
  readonly form: ReplyForm
  /** `undefined`: none are sent. */
  readonly topLogprobs: number | undefined
}

export const GENERATE_FORM: ReplyForm = {
  part: (content, thinking) => ({ response: content, ...(thinking !== '' && { thinking }) }),
}

export const CHAT_FORM: ReplyForm = {
  part: (content, thinking, calls) => ({
    message: {
      role: 'assistant',
      content,
      ...(thinking !== '' && { thinking }),
      ...(calls.length > 0 && { tool_calls: calls.map(writeCall) }),
    },
  }),
}

/** A part of an answer on its way: `done` is false. */
export function pieceReply(piece: AnswerPiece, setting: ReplySetting): Record<string, unknown> {
  return {
    ...head(setting),
    ...setting.form.part(piece.content, piece.thinking, piece.calls),
    done: false,
    ...logprobFields(piece.tokens, setting),
  }
}

/** The last line of a stream, which has no text; or the whole answer, when its pieces are given. */
export function endReply(
  setting: ReplySetting,
  metrics: Record<string, unknown>,
  pieces: readonly AnswerPiece[] = [],
): Record<string, unknown> {
  const content = pieces.map((piece) => piece.content).join('')
  const thinking = pieces.map((piece) => piece.thinking).join('')
  const calls = pieces.flatMap((piece) => piece.calls)
  const tokens = pieces.flatMap((piece) => piece.tokens)
  return {
    ...head(setting),
    ...setting.form.part(content, thinking, calls),
    done: true,
    ...metrics,
    ...(tokens.length > 0 && logprobFields(tokens, setting)),
  }
}

/** What answers a request that only loads or unloads. It has no metrics. */
export function loadReply(setting: ReplySetting, reason: 'load' | 'unload'): Record<string, unknown> {
  return { ...head(setting), ...setting.form.part('', '', []), done: true, done_reason: reason }
}

/** Durations in nanoseconds and counts; one that is 0 is absent, as `omitempty` leaves it out. */
export function metricsOf(
  end: AnswerEnd,
  times: { waitedMs: number; loadMs: number; promptTokenNs: number; answerTokenNs: number },
): Record<string, unknown> {
  const promptNs = (end.promptTokens - end.cachedTokens) * times.promptTokenNs
  const answerNs = end.answerTokens * times.answerTokenNs
  return {
    done_reason: end.reason,
    ...withoutZeros({
      total_duration: Math.round(times.waitedMs * 1e6 + promptNs + answerNs),
      load_duration: Math.round(times.loadMs * 1e6),
      prompt_eval_count: end.promptTokens,
      prompt_eval_duration: promptNs,
      eval_count: end.answerTokens,
      eval_duration: answerNs,
    }),
  }
}

/** Without the fields that are 0. */
export function withoutZeros(fields: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== 0))
}

function head({ asked, createdAt }: ReplySetting): Record<string, unknown> {
  return { model: asked, created_at: createdAt() }
}

function logprobFields(tokens: readonly string[], { topLogprobs }: ReplySetting): Record<string, unknown> {
  return topLogprobs === undefined ? {} : { logprobs: logprobsOf(tokens, topLogprobs) }
}

function writeCall(call: CannedCall, index: number): Record<string, unknown> {
  return { id: `call_fake${index}`, function: { index, name: call.name, arguments: call.arguments } }
}
