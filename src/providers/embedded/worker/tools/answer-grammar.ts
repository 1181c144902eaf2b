import type { ToolDefinition } from '../../../../spec/chat.ts'
import { ResourceError } from '../../../../spec/errors.ts'
import { Grammar, literal } from '../grammar/grammar.ts'
import { schemaRule } from '../grammar/schema-rules.ts'
import { notBeginningWith, untilText } from '../grammar/until-text.ts'
import type { ReasoningSyntax } from '../reasoning-syntax.ts'
import type { ToolSyntax } from './tool-syntax.ts'

/** Most calls of one answer. A model that finds no end would fill its window with them. */
const MAX_CALLS = 16
const ANY_OBJECT = { type: 'object' }
const NO_ARGUMENTS = { type: 'object', properties: {}, additionalProperties: false }

/** What an answer is held to. */
export interface AnswerShape {
  readonly reasoning: (ReasoningSyntax & { readonly isOpen: boolean }) | undefined
  /** JSON schema of the text; `undefined` = any text. */
  readonly schema: unknown
  readonly calls:
    | {
        readonly syntax: ToolSyntax
        readonly tools: readonly ToolDefinition[]
        readonly isForced: boolean
        readonly mayRepeat: boolean
      }
    | undefined
}

/**
 * GBNF for a whole answer; `undefined` where nothing is held. Text stays free until a call begins: from its trigger on
 * only a whole, valid call is left. Reasoning stays free until its closing mark. Throws `schema-unsupported`.
 */
export function answerGrammar({ reasoning, schema, calls }: AnswerShape): string | undefined {
  if (schema === undefined && !calls) return undefined
  const grammar = new Grammar()
  const answer = answerRule(grammar, schema, calls)
  if (!reasoning) return grammar.text(answer)
  // White space may follow the closing mark; not without end.
  const afterwards = grammar.rule(
    'afterwards',
    `${grammar.rule('blank', String.raw`[ \n]{0,4}`)} ${markRule(reasoning)} ${answer}`,
  )
  const thought = untilText(grammar, 'thought', reasoning.close, false, afterwards)
  if (reasoning.isOpen) return grammar.text(thought)
  // Held to a form from its first token on, a model has no time to think; free text may begin with reasoning.
  if (schema !== undefined || calls?.isForced) return grammar.text(answer)
  return grammar.text(grammar.rule('may-think', `${literal(reasoning.open)} ${thought} | ${answer}`))
}

function markRule({ answerMark }: ReasoningSyntax): string {
  return answerMark === undefined ? '' : `${literal(answerMark)}?`
}

function answerRule(grammar: Grammar, schema: unknown, calls: AnswerShape['calls']): string {
  if (!calls) return schemaRule(grammar, schema, 'answer')
  const { syntax, isForced } = calls
  const call = grammar.rule('call', callBody(grammar, calls))
  const written = syntax.between !== undefined && calls.mayRepeat ? repeated(grammar, call, syntax.between) : call
  const rest = `${written} ${literal(syntax.ending)}`
  if (isForced) return grammar.rule('calls', `${literal(syntax.opening)} ${rest}`)
  const afterTrigger = grammar.rule('calls', `${literal(syntax.opening.slice(syntax.trigger.length))} ${rest}`)
  const fromTrigger = `${literal(syntax.trigger)} ${afterTrigger}`
  if (schema !== undefined) return grammar.rule('answer', `${fromTrigger} | ${schemaRule(grammar, schema, 'text')}`)
  if (!syntax.isAtStart) return untilText(grammar, 'free', syntax.trigger, true, afterTrigger)
  const free = notBeginningWith(grammar, 'free', syntax.trigger)
  return grammar.rule('answer', `${String.raw`[ \t\r\n]*`} ${fromTrigger} | ${free}`)
}

function repeated(grammar: Grammar, call: string, between: string): string {
  return `${call} ${grammar.rule('next-call', `${literal(between)} ${call}`)}{0,${MAX_CALLS - 1}}`
}

/** One of the tools by its name, with its arguments. */
function callBody(grammar: Grammar, { syntax, tools }: NonNullable<AnswerShape['calls']>): string {
  return tools
    .map((tool, index) => {
      const name = literal(`${tool.name}${syntax.afterName}`)
      return `${name} ${argumentsRule(grammar, tool, `arguments-${index}`)} ${literal(syntax.closing)}`
    })
    .join(' | ')
}

/**
 * Arguments by the tool's own schema. One that cannot be guaranteed is a reason to refuse only where the tool says
 * `strict`; else any object may be written, as with engines that check nothing.
 */
function argumentsRule(grammar: Grammar, { parameters, strict }: ToolDefinition, name: string): string {
  try {
    return schemaRule(grammar, parameters ?? NO_ARGUMENTS, name)
  } catch (error) {
    if (strict || !(error instanceof ResourceError) || error.reason !== 'schema-unsupported') throw error
    return schemaRule(grammar, ANY_OBJECT, name)
  }
}
