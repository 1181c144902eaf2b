import type { CannedCall } from '../answering/answer-script.ts'
import type { FakeOllamaKnobs } from './knobs.ts'
import { quoted, Refusal } from './refusal.ts'
import { repeatedText } from '../answering/repeated-text.ts'
import { schemaInstance } from '../answering/schema-instance.ts'
import { tokenize } from '../answering/tokens.ts'

/** One token that will be written, and what it is a part of. */
export interface ScriptedToken {
  readonly text: string
  readonly part: 'thinking' | 'content' | 'call'
  /** Set at the last token of a call: only a whole call is sent. */
  readonly call?: CannedCall
}

/** What an answer is made from. */
export interface AnswerWish {
  /** The text that is repeated: a prompt, or the last message. */
  readonly text: string
  readonly isThinking: boolean
  /** Field `format`: absent, `json`, or a schema. */
  readonly format: unknown
  readonly hasTools: boolean
}

/**
 * The tokens of an answer, always the same for the same wish: thoughts, then calls when they are forced by a knob, or
 * JSON when a format is asked for, or `You said: <text>.` again and again up to `answerTokens`.
 */
export function scriptAnswer(wish: AnswerWish, knobs: FakeOllamaKnobs): ScriptedToken[] {
  const thoughts = wish.isThinking ? partOf(tokenize(knobs.thinkingText), 'thinking') : []
  if (wish.hasTools && knobs.toolCalls.length > 0) return [...thoughts, ...knobs.toolCalls.flatMap(callTokens)]
  const json = jsonOf(wish.format)
  if (json !== undefined) return [...thoughts, ...partOf(tokenize(json), 'content')]
  return [...thoughts, ...partOf(repeatedText(wish.text, knobs.answerTokens), 'content')]
}

/** Whether `format` asks for anything; `null` and `""` do not. */
export function hasFormat(format: unknown): boolean {
  return format !== undefined && format !== null && format !== ''
}

function jsonOf(format: unknown): string | undefined {
  if (!hasFormat(format)) return undefined
  if (format === 'json') return JSON.stringify({ answer: 'You said it.', count: 1 })
  if (typeof format !== 'object') {
    const text = quoted(JSON.stringify(format))
    throw new Refusal(500, `invalid format: ${text}; expected "json" or a valid JSON Schema object`)
  }
  const instance = schemaInstance(format)
  if (instance === undefined) throw new Refusal(500, 'invalid JSON schema in format')
  return JSON.stringify(instance)
}

function partOf(tokens: readonly string[], part: 'thinking' | 'content'): ScriptedToken[] {
  return tokens.map((text) => ({ text, part }))
}

function callTokens(call: CannedCall): ScriptedToken[] {
  const tokens = tokenize(JSON.stringify(call))
  return tokens.map((text, place) => ({ text, part: 'call', ...(place === tokens.length - 1 && { call }) }))
}
