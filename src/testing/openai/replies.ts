import type { DecodedToken, DecodeEnd } from '../answering/decode.ts'

type Json = Readonly<Record<string, unknown>>

/** What all parts of one answer have in common. */
export interface ReplyHead {
  readonly id: string
  readonly model: string
  /** Seconds since 1970. */
  readonly created: number
  readonly system_fingerprint: string
}

/** One event of a stream. */
export function sse(data: Json): string {
  return `data: ${JSON.stringify(data)}\n\n`
}

/** The last event of a stream that ended well. */
export const SSE_DONE = 'data: [DONE]\n\n'

/** A part of a chat's answer on its way; `more` goes into its choice. */
export function chatChunk(head: ReplyHead, delta: Json, finishReason: string | null = null, more: Json = {}): Json {
  const choices = [{ finish_reason: finishReason, index: 0, delta, ...more }]
  return { choices, ...head, object: 'chat.completion.chunk' }
}

/** A part of a continued text. */
export function textChunk(head: ReplyHead, text: string, finishReason: string | null, logprobs: unknown): Json {
  return { choices: [{ text, index: 0, logprobs, finish_reason: finishReason }], ...head, object: 'text_completion' }
}

/** A whole answer of a chat. */
export function chatReply(head: ReplyHead, message: Json, finishReason: string, more: Json = {}): Json {
  const choices = [{ finish_reason: finishReason, index: 0, message, ...more }]
  return { choices, ...head, object: 'chat.completion' }
}

/** Counts, with those that a prefix saved. */
export function usageOf({ promptTokens, cachedTokens, answerTokens }: DecodeEnd): Json {
  return {
    completion_tokens: answerTokens,
    prompt_tokens: promptTokens,
    total_tokens: answerTokens + promptTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
  }
}

/** Why an answer ended, in OpenAI's words. */
export function finishReasonOf({ reason }: DecodeEnd, hasCalls: boolean): string {
  if (reason === 'limit') return 'length'
  return hasCalls ? 'tool_calls' : 'stop'
}

/** Makes the deltas of a chat's stream: a call begins with its name, then come its arguments. */
export class ChatDeltas {
  readonly #callId: (index: number) => string
  #callsBegun = 0

  constructor(callId: (index: number) => string) {
    this.#callId = callId
  }

  /** Whether a call was begun. */
  get hasCalls(): boolean {
    return this.#callsBegun > 0
  }

  /** What is sent for a token; none for one whose text is held back. */
  of({ part, text, call }: DecodedToken): Json[] {
    if (call) {
      const head = call.index < this.#callsBegun ? [] : [this.#beginCall(call.index, call.name)]
      return [...head, { tool_calls: [{ index: call.index, function: { arguments: text } }] }]
    }
    if (text === '') return []
    return [part === 'thinking' ? { reasoning_content: text } : { content: text }]
  }

  #beginCall(index: number, name: string): Json {
    this.#callsBegun = index + 1
    return { tool_calls: [{ index, id: this.#callId(index), type: 'function', function: { name } }] }
  }
}

/** The message that a whole answer is. */
export function messageOf(tokens: readonly DecodedToken[], callId: (index: number) => string): Json {
  const textOf = (part: DecodedToken['part']): string =>
    tokens.flatMap((token) => (token.part === part ? token.text : [])).join('')
  const names = new Map(tokens.flatMap(({ call }) => (call ? [[call.index, call.name] as const] : [])))
  const calls = [...names].map(([index, name]) => {
    const written = tokens.flatMap(({ call, text }) => (call?.index === index ? text : [])).join('')
    return { type: 'function', function: { name, arguments: written }, id: callId(index) }
  })
  const thinking = textOf('thinking')
  return {
    role: 'assistant',
    content: textOf('content'),
    ...(thinking !== '' && { reasoning_content: thinking }),
    ...(calls.length > 0 && { tool_calls: calls }),
  }
}
