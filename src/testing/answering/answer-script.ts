import { repeatedText } from './repeated-text.ts'
import { schemaInstance } from './schema-instance.ts'
import { tokenize } from './tokens.ts'

/** One token that will be written, and what it is a part of. */
export interface ScriptedToken {
  readonly text: string
  readonly part: 'thinking' | 'content' | 'call'
  /** Set for the tokens of a call: which one; what is written is its arguments. */
  readonly call?: { readonly index: number; readonly name: string }
}

/** A call that the model is made to write. */
export interface CannedCall {
  readonly name: string
  readonly arguments: Readonly<Record<string, unknown>>
}

/** A tool that is offered; its parameters are a JSON schema. */
export interface OfferedTool {
  readonly name: string
  readonly parameters: unknown
}

/** What an answer is made from. */
export interface AnswerWish {
  /** The text that is repeated: a prompt, or the last message. */
  readonly text: string
  readonly tools: readonly OfferedTool[]
  readonly toolChoice: 'auto' | 'none' | 'required' | { readonly name: string }
  /** A JSON schema, `json` for any object, `undefined` for text. */
  readonly format: 'json' | { readonly schema: unknown } | undefined
  /** `undefined`: greedy. Other seeds say the same in other words. */
  readonly seed: number | undefined
  /** It does not end by itself before it has so many tokens. Default: when the knob says. */
  readonly leastTokens?: number | undefined
}

/** What a test may say of every answer. */
export interface ScriptKnobs {
  /** Length of a text that nothing else ends. */
  readonly answerTokens: number
  /** When set, tools that are offered, and not forced, are called so. */
  readonly toolCalls: readonly CannedCall[]
  /** What is thought before an answer; '' for nothing. */
  readonly thinkingText: string
}

/** A schema that this fake finds no instance for, or a tool that is not offered. */
export class ScriptRefusal extends Error {
  override readonly name = 'ScriptRefusal'
}

const OPENINGS = ['You said', 'You wrote', 'You asked me', 'I have read'] as const

/** The tokens of an answer, always the same for the same wish. Throws {@link ScriptRefusal}. */
export function scriptAnswer(wish: AnswerWish, knobs: ScriptKnobs): ScriptedToken[] {
  const thoughts = partOf(tokenize(knobs.thinkingText), 'thinking')
  const calls = callsOf(wish, knobs)
  if (calls.length > 0) return [...thoughts, ...calls.flatMap(callTokens)]
  if (wish.format !== undefined) return [...thoughts, ...partOf(tokenize(jsonOf(wish.format)), 'content')]
  const opening = OPENINGS[(wish.seed ?? 0) % OPENINGS.length]
  const count = Math.max(wish.leastTokens ?? 0, knobs.answerTokens)
  return [...thoughts, ...partOf(repeatedText(wish.text, count, opening), 'content')]
}

function callsOf({ tools, toolChoice, seed }: AnswerWish, knobs: ScriptKnobs): readonly CannedCall[] {
  if (tools.length === 0 || toolChoice === 'none') return []
  if (toolChoice === 'auto') return knobs.toolCalls
  const named = typeof toolChoice === 'object' ? tools.filter(({ name }) => name === toolChoice.name) : tools
  const tool = named[(seed ?? 0) % named.length]
  if (!tool) throw new ScriptRefusal('the tool that has to be called is not offered')
  const made = schemaInstance(tool.parameters ?? { type: 'object' })
  if (typeof made !== 'object' || made === null) throw new ScriptRefusal(`no arguments for ${tool.name}`)
  return [{ name: tool.name, arguments: made as Record<string, unknown> }]
}

function jsonOf(format: NonNullable<AnswerWish['format']>): string {
  if (format === 'json') return JSON.stringify({ answer: 'You said it.', count: 1 })
  const instance = schemaInstance(format.schema)
  if (instance === undefined) throw new ScriptRefusal('the schema is not understood')
  return JSON.stringify(instance)
}

function callTokens({ name, arguments: given }: CannedCall, index: number): ScriptedToken[] {
  return tokenize(JSON.stringify(given)).map((text) => ({ text, part: 'call', call: { index, name } }))
}

function partOf(tokens: readonly string[], part: 'thinking' | 'content'): ScriptedToken[] {
  return tokens.map((text) => ({ text, part }))
}
