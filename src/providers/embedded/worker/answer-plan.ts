import type { AnswerFormat, ChatMessage, GenerateRequest, ToolDefinition } from '../../../spec/chat.ts'
import { resourceError } from '../../../spec/errors.ts'
import type { AnswerMarks } from './answer-reader.ts'
import type { ChatTemplate, PromptInput } from './chat-template.ts'
import { endsInReasoning, reasoningSyntaxOf } from './reasoning-syntax.ts'
import { answerGrammar, type AnswerShape } from './tools/answer-grammar.ts'
import { shortCallId } from './tools/call-ids.ts'
import { describeTools, toolTalkAsText } from './tools/tool-prompt.ts'
import { PLAIN_SYNTAX, type ToolSyntax, toolSyntaxOf } from './tools/tool-syntax.ts'

/** How a request is put to the model, and how its answer is to be held and read. */
export interface AnswerPlan {
  /** Special tokens written in it are tokens. */
  readonly prompt: string
  readonly marks: AnswerMarks
  /** GBNF that the whole answer keeps to. */
  readonly grammar?: string
  /** Calls that are read from the answer. */
  readonly calls?: { readonly syntax: ToolSyntax; readonly toolNames: ReadonlySet<string> }
}

type ChatRequest = Pick<
  GenerateRequest,
  'messages' | 'tools' | 'toolChoice' | 'parallelToolCalls' | 'format' | 'topLogprobs' | 'thinking'
>

/**
 * 1. tools that may be called, and how this model writes calls: its template's way, else a plain JSON object, which then
 *    has to be forced
 * 2. the prompt, by the template
 * 3. the grammar: what was asked for as a form, and calls whole and valid
 *
 * Throws `tools-unsupported`, `logprobs-unsupported`, `schema-unsupported` and `template-failed`.
 */
export function planAnswer(request: ChatRequest, template: ChatTemplate): AnswerPlan {
  const tools = toolsToCall(request)
  const isForced = tools.length > 0 && request.toolChoice !== undefined && request.toolChoice !== 'auto'
  if (tools.length > 0 && !isForced && !template.takesTools) throw cannotChoose()
  const schema = schemaOf(request.format)
  if (request.topLogprobs !== undefined && (isForced || schema !== undefined)) throw noLogprobs()

  const syntax = template.takesTools ? toolSyntaxOf(template.source) : PLAIN_SYNTAX
  const prompt = template.render(promptInput(request, syntax, template, tools))
  const known = reasoningSyntaxOf(template.source)
  const reasoning = known && { ...known, isOpen: endsInReasoning(prompt, known) }
  const calls = tools.length > 0 ? callsOf(request, syntax, tools, isForced) : undefined
  const held = calls && isHeld(request, calls.syntax) ? calls : undefined
  const grammar = answerGrammar({ reasoning, schema, calls: held })
  return {
    prompt,
    marks: { ...(reasoning && { reasoning }), ...(calls && { calls: triggerOf(calls.syntax) }) },
    ...(grammar !== undefined && { grammar }),
    ...(calls && { calls: { syntax: calls.syntax, toolNames: new Set(tools.map(({ name }) => name)) } }),
  }
}

/** The same prompt up to the end of its last message; `undefined` where the template refuses to stop there. */
export function planHistory(request: ChatRequest, template: ChatTemplate): string | undefined {
  const syntax = template.takesTools ? toolSyntaxOf(template.source) : PLAIN_SYNTAX
  return template.renderHistory(promptInput(request, syntax, template, toolsToCall(request)))
}

function callsOf(
  { parallelToolCalls }: ChatRequest,
  syntax: ToolSyntax,
  tools: readonly ToolDefinition[],
  isForced: boolean,
): NonNullable<AnswerShape['calls']> {
  // A form without JSON arguments cannot be forced; the plain one can, and is read just as well.
  const written = isForced && syntax.form === 'tags' ? PLAIN_SYNTAX : syntax
  return { syntax: written, tools, isForced, mayRepeat: parallelToolCalls ?? true }
}

/** Calls that are not held to a grammar are read as they come. */
function isHeld({ topLogprobs }: ChatRequest, { form }: ToolSyntax): boolean {
  return topLogprobs === undefined && form !== 'tags'
}

function promptInput(
  request: ChatRequest,
  syntax: ToolSyntax,
  template: ChatTemplate,
  tools: readonly ToolDefinition[],
): PromptInput {
  const { thinking } = request
  const messages = promptMessages(request, syntax, template, tools)
  return {
    messages,
    ...(template.takesTools && { tools }),
    ...(thinking !== undefined && { thinking }),
  }
}

function toolsToCall({ tools = [], toolChoice }: ChatRequest): readonly ToolDefinition[] {
  if (toolChoice === 'none') return []
  if (typeof toolChoice !== 'object') return tools
  return tools.filter(({ name }) => name === toolChoice.name)
}

function promptMessages(
  { messages }: ChatRequest,
  syntax: ToolSyntax,
  template: ChatTemplate,
  tools: readonly ToolDefinition[],
): readonly ChatMessage[] {
  if (!template.takesTools) return tools.length > 0 ? describeTools(messages, tools) : toolTalkAsText(messages)
  return syntax.hasShortIds ? messages.map(withShortIds) : messages
}

function withShortIds({ toolCalls, toolCallId, ...message }: ChatMessage): ChatMessage {
  return {
    ...message,
    ...(toolCalls && { toolCalls: toolCalls.map((call) => ({ ...call, id: shortCallId(call.id) })) }),
    ...(toolCallId !== undefined && { toolCallId: shortCallId(toolCallId) }),
  }
}

function triggerOf({ trigger, isAtStart }: ToolSyntax): NonNullable<AnswerMarks['calls']> {
  return { trigger, ...(isAtStart !== undefined && { isAtStart }) }
}

function schemaOf(format: AnswerFormat | undefined): unknown {
  if (format?.type === 'json') return { type: 'object' }
  return format?.type === 'schema' ? format.schema : undefined
}

function cannotChoose(): Error {
  const message =
    "This model's chat template has no place for tools, so it cannot choose whether to call one. " +
    'Set tool_choice to "required" or to one tool by name, or use a model whose template has tools.'
  return resourceError('tools-unsupported', message, { details: { param: 'tools' } })
}

function noLogprobs(): Error {
  const message =
    'The engine gives no log probabilities for an answer that is held to a grammar. ' +
    'Leave out logprobs, or the response format or the forced tool.'
  return resourceError('logprobs-unsupported', message, { details: { param: 'logprobs' } })
}
