import type { OfferedTool } from '../answering/answer-script.ts'
import { type ChatMessage, chatText, contentText } from '../answering/chat-text.ts'
import type { DecodedToken, DecodeEnd } from '../answering/decode.ts'
import { tokenize } from '../answering/tokens.ts'
import {
  chatChunk,
  ChatDeltas,
  chatReply,
  finishReasonOf,
  messageOf,
  type ReplyHead,
  sse,
  SSE_DONE,
  textChunk,
} from '../openai/replies.ts'
import { type Body, isObject, readFormat, readTools } from '../openai/request-fields.ts'
import { type AnswerRun, PromptTooLong, writeAnswer } from './answer.ts'
import { chooseInstance } from './choose-instance.ts'
import { Refusal } from './refusal.ts'
import type { Reply } from './reply.ts'
import type { FakeStudio } from './studio.ts'

type Json = Readonly<Record<string, unknown>>

/** How a chat and a continued text put the same answer into words of their own. */
interface AnswerForm {
  /** What is sent for a token; none for one whose text is held back. */
  pieces(token: DecodedToken): Json[]
  last(end: DecodeEnd): Json
  whole(tokens: readonly DecodedToken[], end: DecodeEnd): Json
}

/** `POST /v1/chat/completions`. */
export async function chatRoute(studio: FakeStudio, body: Body, left: AbortSignal): Promise<Reply> {
  const messages = readMessages(body['messages'])
  const tools = readTools(body['tools'])
  const toolChoice = readToolChoice(body['tool_choice'])
  const format = readFormat(body['response_format'])
  const instance = await chooseInstance(studio, body, 'llm')
  const prompt = tokenize(chatText(messages, tools))
  const text = contentText(messages.at(-1)?.content)
  const head = headOf(studio, instance.id, 'chatcmpl')
  return answer(studio, { instance, body, prompt, left, wish: { text, tools, toolChoice, format } }, chatForm(head))
}

/** `POST /v1/completions`. */
export async function textRoute(studio: FakeStudio, body: Body, left: AbortSignal): Promise<Reply> {
  const text = body['prompt']
  if (typeof text !== 'string') throw new Refusal(400, "'prompt' field is required")
  const instance = await chooseInstance(studio, body, 'llm')
  const wish = { text, tools: [] as OfferedTool[], toolChoice: 'none', format: undefined } as const
  const head = headOf(studio, instance.id, 'cmpl')
  return answer(studio, { instance, body, prompt: tokenize(text), left, wish }, textForm(head))
}

function answer(studio: FakeStudio, run: AnswerRun, form: AnswerForm): Reply | Promise<Reply> {
  const options = run.body['stream_options']
  const isUsageSent = isObject(options) && options['include_usage'] === true
  if (run.body['stream'] === true) return { form: 'stream', parts: stream(studio, run, form, isUsageSent) }
  return whole(studio, run, form)
}

async function* stream(
  studio: FakeStudio,
  run: AnswerRun,
  form: AnswerForm,
  isUsageSent: boolean,
): AsyncGenerator<string> {
  let reasoningTokens = 0
  try {
    for await (const part of writeAnswer(studio, run)) {
      if (part.type === 'token') {
        if (part.part === 'thinking') reasoningTokens++
        for (const piece of form.pieces(part)) yield sse(piece)
        continue
      }
      const last = form.last(part)
      yield sse(last)
      if (isUsageSent) yield sse({ ...last, choices: [], usage: usageOf(part, reasoningTokens) })
    }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    // Its status has been sent, if nothing else.
    if (error instanceof PromptTooLong && studio.knobs.overflowStream === 'empty') return
    yield `event: error\n${sse({ error: { message: error.message } })}`
    return
  }
  yield SSE_DONE
}

async function whole(studio: FakeStudio, run: AnswerRun, form: AnswerForm): Promise<Reply> {
  const tokens: DecodedToken[] = []
  for await (const part of writeAnswer(studio, run)) {
    if (part.type === 'token') tokens.push(part)
    else {
      const usage = usageOf(part, tokens.filter((token) => token.part === 'thinking').length)
      return { form: 'whole', body: { ...form.whole(tokens, part), usage, stats: {} } }
    }
  }
  throw new Error('an answer has an end')
}

/** Counts, without a word on what a prefix saved. */
function usageOf({ promptTokens, answerTokens }: DecodeEnd, reasoningTokens: number): Json {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: answerTokens,
    total_tokens: promptTokens + answerTokens,
    completion_tokens_details: { reasoning_tokens: reasoningTokens },
  }
}

function chatForm(head: ReplyHead): AnswerForm {
  const callId = (index: number): string => `${head.id.replace('chatcmpl-fake', '')}${index}`
  const deltas = new ChatDeltas(callId)
  return {
    pieces: (token) => deltas.of(token).map((delta) => chatChunk(head, { role: 'assistant', ...delta })),
    last: (end) => chatChunk(head, {}, finishReasonOf(end, deltas.hasCalls)),
    whole(tokens, end) {
      const message = { reasoning_content: '', tool_calls: [], ...messageOf(tokens, callId) }
      return chatReply(head, message, finishReasonOf(end, message.tool_calls.length > 0), { logprobs: null })
    },
  }
}

function textForm(head: ReplyHead): AnswerForm {
  return {
    pieces: ({ text }) => (text === '' ? [] : [textChunk(head, text, null, null)]),
    last: (end) => textChunk(head, '', finishReasonOf(end, false), null),
    whole(tokens, end) {
      const text = tokens.map((token) => token.text).join('')
      return textChunk(head, text, finishReasonOf(end, false), null)
    },
  }
}

/** The model that answers is named, and again as the fingerprint. */
function headOf(studio: FakeStudio, model: string, prefix: string): ReplyHead {
  const created = Math.floor(studio.clock.nowMs() / 1000)
  return { id: studio.nextReplyId(prefix), model, created, system_fingerprint: model }
}

function readMessages(messages: unknown): ChatMessage[] {
  if (!Array.isArray(messages)) throw new Refusal(400, "'messages' field is required")
  if (messages.length === 0) throw new Refusal(400, "'messages' array must not be empty")
  return messages as ChatMessage[]
}

/** A tool cannot be named. */
function readToolChoice(choice: unknown): 'auto' | 'none' | 'required' {
  if (choice === undefined || choice === null) return 'auto'
  const known = (['none', 'auto', 'required'] as const).find((each) => each === choice)
  if (known) return known
  const type = typeof choice === 'string' ? '' : ` type: '${typeof choice}'`
  throw new Refusal(400, `Invalid tool_choice${type}. Supported string values: none, auto, required`)
}
