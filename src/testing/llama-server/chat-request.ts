import type { AnswerWish } from '../answering/answer-script.ts'
import { type ChatMessage, chatText, contentText } from '../answering/chat-text.ts'
import { type Body, isObject, readFormat, readTools } from '../openai/request-fields.ts'
import { type Completion, readCompletion } from './completion.ts'
import type { LlamaEngine } from './engine.ts'
import { Refusal } from './refusal.ts'

const TOOL_CHOICES = ['auto', 'none', 'required'] as const

/** The prompt that a chat becomes, without the mark that prompts begin with. Throws on messages that cannot be rendered. */
export function renderedChat(body: Body): string {
  const messages = body['messages']
  if (messages === undefined) throw new Refusal('invalid_request_error', "'messages' is required")
  if (!Array.isArray(messages)) throw new Refusal('invalid_request_error', "Expected 'messages' to be an array")
  for (const message of messages as unknown[]) checkMessage(message)
  toolChoiceOf(body)
  const tools = body['tools'] as readonly unknown[] | undefined | null
  return chatText(messages as ChatMessage[], tools ?? [])
}

/** Reads a request for a chat. */
export function readChat(engine: LlamaEngine, body: Body): Completion {
  const prompt = engine.promptTokens(renderedChat(body))
  const messages = body['messages'] as ChatMessage[]
  const tools = readTools(body['tools'])
  return readCompletion(engine, body, {
    prompt,
    text: contentText(messages.at(-1)?.content),
    tools,
    toolChoice: toolChoiceOf(body),
    format: formatOf(body),
    topLogprobs: topLogprobsOf(body, tools.length > 0),
  })
}

function formatOf(body: Body): AnswerWish['format'] {
  const format = body['response_format']
  const type = isObject(format) ? format['type'] : undefined
  if (typeof type === 'string' && !['text', 'json_object', 'json_schema', ''].includes(type)) {
    const text = `response_format type must be one of "text" or "json_object", but got: ${type}`
    throw new Refusal('invalid_request_error', text)
  }
  return isObject(body['json_schema']) ? { schema: body['json_schema'] } : readFormat(format)
}

/** Only a text is known; a tool that is named, which OpenAI writes as an object, counts as `auto`. */
function toolChoiceOf(body: Body): (typeof TOOL_CHOICES)[number] {
  const choice = body['tool_choice']
  if (typeof choice !== 'string') return 'auto'
  const known = TOOL_CHOICES.find((each) => each === choice)
  if (!known) throw new Refusal('invalid_request_error', `Invalid tool_choice: ${choice}`)
  return known
}

/** `logprobs: true` alone means 20; 0 means none, as llama-server takes it. */
function topLogprobsOf(body: Body, hasTools: boolean): number {
  const top = body['top_logprobs']
  if (body['logprobs'] !== true) {
    if (top === undefined || top === null) return 0
    throw new Refusal('invalid_request_error', 'top_logprobs requires logprobs to be set to true')
  }
  if (hasTools && body['stream'] === true) {
    throw new Refusal('invalid_request_error', 'logprobs is not supported with tools + stream')
  }
  return typeof top === 'number' ? top : 20
}

function checkMessage(message: unknown): void {
  const fields = isObject(message) ? message : {}
  const hasContent = 'content' in fields
  if (fields['role'] !== 'assistant' && !hasContent) {
    throw new Refusal('invalid_request_error', "All non-assistant messages must contain 'content'")
  }
  if (!hasContent && !('tool_calls' in fields)) {
    const text = "Assistant message must contain either 'content' or 'tool_calls'!"
    throw new Refusal('invalid_request_error', text)
  }
  const content = fields['content']
  if (content === undefined || content === null || typeof content === 'string') return
  if (!Array.isArray(content)) {
    throw new Refusal('invalid_request_error', "Expected 'content' to be a string or an array")
  }
  if ((content as unknown[]).some((part) => isObject(part) && part['type'] === 'image_url')) {
    const text = 'image input is not supported - hint: if this is unexpected, you may need to provide the mmproj'
    throw new Refusal('server_error', text)
  }
}
