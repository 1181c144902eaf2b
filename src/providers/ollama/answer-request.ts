import type { ChatMessage, GenerateRequest, SamplingOptions, ToolCall, ToolDefinition } from '../../spec/chat.ts'
import { resourceError } from '../../spec/errors.ts'
import { asRecord, parsedJson } from '../../spec/json-narrowing.ts'
import { assertHoldable } from './holdable-schema.ts'
import { CONSTANT_FIELDS, type LoadSignature, runnerOptions } from './load-signature.ts'

/** The model that is to answer, as far as its requests depend on it. */
export interface AnsweringModel {
  readonly name: string
  readonly signature: LoadSignature
  readonly keepAlive: string
  /** Its own stop strings, which a request's would otherwise take the place of. */
  readonly stop: readonly string[]
  /** Only then may it be told whether to think: Ollama refuses the field for every other model. */
  readonly canThink: boolean
}

/** A request in Ollama's words. */
export interface AnswerRequest {
  readonly path: '/api/chat' | '/api/generate'
  readonly body: Readonly<Record<string, unknown>>
}

/**
 * Says a request in Ollama's words. Throws `tools-unsupported`, `logprobs-unsupported`, `schema-unsupported` and
 * `invalid-request` for what Ollama would not refuse but do otherwise.
 */
export function answerRequest(request: GenerateRequest, model: AnsweringModel): AnswerRequest {
  const { completion, format, thinking, topLogprobs } = request
  const isHeld = format !== undefined && format.type !== 'text'
  if (topLogprobs !== undefined && isHeld) {
    const message = 'Ollama tells no log probabilities that mean anything of an answer that is held to a form.'
    throw resourceError('logprobs-unsupported', `${message} Leave out \`logprobs\`, or the form.`)
  }
  if (format?.type === 'schema') assertHoldable(format.schema)
  const common = {
    model: model.name,
    stream: true,
    keep_alive: model.keepAlive,
    ...CONSTANT_FIELDS,
    options: { ...runnerOptions(model.signature), ...answerOptions(request, model) },
    ...(isHeld && { format: format.type === 'json' ? 'json' : format.schema }),
    ...(thinking !== undefined && model.canThink && { think: thinking }),
    ...(topLogprobs !== undefined && { logprobs: true, top_logprobs: topLogprobs }),
  }
  if (completion) {
    const { prompt, suffix } = completion
    // Filling a gap needs the model's template, which knows its marks; all else is continued as it is.
    const form = suffix === undefined ? { raw: true } : { suffix }
    return { path: '/api/generate', body: { ...common, prompt, ...form } }
  }
  const tools = toolsOf(request)
  const messages = request.messages.map((message, place) => chatMessage(message, request.messages.slice(0, place)))
  return { path: '/api/chat', body: { ...common, messages, ...(tools.length > 0 && { tools }) } }
}

/** Options of this answer alone: none of them loads a model again. */
function answerOptions({ sampling, maxTokens, stop }: GenerateRequest, model: AnsweringModel): Record<string, unknown> {
  const written = SAMPLING_NAMES.flatMap(([ours, theirs]) => {
    const value = sampling[ours]
    return value === undefined ? [] : [[theirs, value] as const]
  })
  return {
    ...Object.fromEntries(written),
    ...(maxTokens !== undefined && { num_predict: maxTokens }),
    ...(stop.length > 0 && { stop: [...new Set([...model.stop, ...stop])] }),
  }
}

const SAMPLING_NAMES: readonly (readonly [keyof SamplingOptions, string])[] = [
  ['temperature', 'temperature'],
  ['topK', 'top_k'],
  ['topP', 'top_p'],
  ['minP', 'min_p'],
  ['seed', 'seed'],
  ['repeatPenalty', 'repeat_penalty'],
  ['frequencyPenalty', 'frequency_penalty'],
  ['presencePenalty', 'presence_penalty'],
]

/** Ollama leaves it to the model whether to call; what it cannot be made to do is refused, not left to chance. */
function toolsOf({ tools = [], toolChoice = 'auto' }: GenerateRequest): readonly unknown[] {
  if (tools.length === 0 || toolChoice === 'none') return []
  if (toolChoice !== 'auto') {
    const message = 'Ollama cannot be made to call a tool: it has no tool_choice. Leave `tool_choice` at `auto`.'
    throw resourceError('tools-unsupported', message)
  }
  const strict = tools.find((tool) => tool.strict === true)
  if (strict) {
    const message = `Ollama does not hold the arguments of '${strict.name}' to their schema. Leave out \`strict\`.`
    throw resourceError('tools-unsupported', message)
  }
  return tools.map(writeTool)
}

function writeTool({ name, description, parameters }: ToolDefinition): unknown {
  const takesNothing = { type: 'object', properties: {} }
  return {
    type: 'function',
    function: { name, description: description ?? '', parameters: parameters ?? takesNothing },
  }
}

function chatMessage(message: ChatMessage, before: readonly ChatMessage[]): unknown {
  const { role, content, images, toolCalls, toolCallId } = message
  const answered = toolCallId === undefined ? undefined : callOf(toolCallId, before)
  return {
    role,
    content,
    ...(images && images.length > 0 && { images: images.map(({ base64 }) => base64) }),
    ...(toolCalls && toolCalls.length > 0 && { tool_calls: toolCalls.map(writeCall) }),
    ...(toolCallId !== undefined && { tool_call_id: toolCallId }),
    ...(answered && { tool_name: answered.name }),
  }
}

function callOf(id: string, before: readonly ChatMessage[]): ToolCall | undefined {
  return before.flatMap(({ toolCalls = [] }) => toolCalls).findLast((call) => call.id === id)
}

function writeCall(call: ToolCall): unknown {
  return { id: call.id, function: { name: call.name, arguments: argumentsOf(call) } }
}

/** Ollama takes arguments as an object, where they are text everywhere else. */
function argumentsOf({ name, arguments: written }: ToolCall): unknown {
  if (written.trim() === '') return {}
  const value = asRecord(parsedJson(written))
  if (value) return value
  const message = `The arguments of the call of '${name}' are no JSON object, and Ollama takes nothing else. Correct them in the history.`
  throw resourceError('invalid-request', message)
}
