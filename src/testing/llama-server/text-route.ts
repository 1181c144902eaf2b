import { type DecodedToken, type DecodeEnd } from '../answering/decode.ts'
import { type Body, isObject } from '../openai/request-fields.ts'
import { finishReasonOf, type ReplyHead, sse, SSE_DONE, textChunk, usageOf } from '../openai/replies.ts'
import { replyHead } from './chat-route.ts'
import { complete, type Completion, readCompletion, timingsOf } from './completion.ts'
import type { LlamaEngine } from './engine.ts'
import { logprobsOf } from './logprobs.ts'
import { Refusal } from './refusal.ts'
import type { Reply } from './reply.ts'

/** How the two dialects write the same answer. */
interface TextForm {
  token(part: DecodedToken, count: number): Record<string, unknown>
  /** `text` is '' in a stream, where it has been sent. */
  end(part: DecodeEnd, slotId: number, text: string, tokens: readonly DecodedToken[]): Record<string, unknown>
  readonly done: string
}

/** `POST /v1/completions`, in OpenAI's dialect. */
export function openAiTextRoute(engine: LlamaEngine, body: Body, left: AbortSignal): Reply {
  const completion = readText(engine, body)
  return answer(engine, completion, openAiForm(engine, completion, replyHead(engine)), left)
}

/** `POST /completion`, in llama-server's own dialect. */
export function plainTextRoute(engine: LlamaEngine, body: Body, left: AbortSignal): Reply {
  const completion = readText(engine, body)
  return answer(engine, completion, plainForm(engine, completion), left)
}

function readText(engine: LlamaEngine, body: Body): Completion {
  const given = body['prompt']
  if (given === undefined) {
    throw new Refusal('invalid_request_error', "[json.exception.out_of_range.403] key 'prompt' not found")
  }
  const isNumbers = Array.isArray(given) && (given as unknown[]).every((each) => typeof each === 'number')
  if (typeof given !== 'string' && !isNumbers) {
    throw new Refusal('invalid_request_error', 'the fake takes one prompt: a text, or the numbers of tokens')
  }
  // Numbers are taken as they are: no mark is put before them.
  const prompt = isNumbers ? engine.vocabulary.tokensOf(given as number[]) : engine.promptTokens(given as string)
  const top = body['n_probs'] ?? body['logprobs']
  return readCompletion(engine, body, {
    prompt,
    text: isNumbers ? prompt.join('') : (given as string),
    tools: [],
    toolChoice: 'none',
    format: isObject(body['json_schema']) ? { schema: body['json_schema'] } : undefined,
    topLogprobs: typeof top === 'number' ? top : 0,
  })
}

function answer(engine: LlamaEngine, completion: Completion, form: TextForm, left: AbortSignal): Reply {
  if (completion.isStream) return { form: 'stream', parts: stream(engine, completion, form, left) }
  return { form: 'whole', body: whole(engine, completion, form, left) }
}

async function* stream(
  engine: LlamaEngine,
  completion: Completion,
  form: TextForm,
  left: AbortSignal,
): AsyncGenerator<string> {
  let slotId = 0
  let count = 0
  for await (const part of complete(engine, completion, left)) {
    if (part.type === 'begin') {
      slotId = part.slotId
      yield ''
    } else if (part.type === 'token') yield sse(form.token(part, ++count))
    else yield sse(form.end(part, slotId, '', []))
  }
  if (form.done !== '') yield form.done
}

async function whole(
  engine: LlamaEngine,
  completion: Completion,
  form: TextForm,
  left: AbortSignal,
): Promise<Record<string, unknown>> {
  const tokens: DecodedToken[] = []
  let slotId = 0
  for await (const part of complete(engine, completion, left)) {
    if (part.type === 'begin') slotId = part.slotId
    else if (part.type === 'token') tokens.push(part)
    else return form.end(part, slotId, tokens.map(({ text }) => text).join(''), tokens)
  }
  throw new Error('an answer has an end')
}

function openAiForm(engine: LlamaEngine, { topLogprobs }: Completion, head: ReplyHead): TextForm {
  const logprobs = (tokens: readonly DecodedToken[]): unknown =>
    topLogprobs > 0 && tokens.length > 0
      ? { content: tokens.map(({ token }) => logprobsOf(engine, token, topLogprobs)) }
      : null
  return {
    token: (part) => textChunk(head, part.text, null, logprobs([part])),
    end: (part, _slotId, text, tokens) => ({
      ...textChunk(head, text, finishReasonOf(part, false), logprobs(tokens)),
      usage: usageOf(part),
      timings: timingsOf(part),
    }),
    done: SSE_DONE,
  }
}

function plainForm(engine: LlamaEngine, { topLogprobs, prompt }: Completion): TextForm {
  const probabilities = (tokens: readonly DecodedToken[]): Record<string, unknown> =>
    topLogprobs > 0 && tokens.length > 0
      ? { completion_probabilities: tokens.map(({ token }) => logprobsOf(engine, token, topLogprobs)) }
      : {}
  return {
    token: (part, count) => ({
      index: 0,
      content: part.text,
      tokens: engine.vocabulary.numbersOf([part.token]),
      stop: false,
      id_slot: -1,
      tokens_predicted: count,
      tokens_evaluated: prompt.length,
      ...probabilities([part]),
    }),
    end: (part, slotId, text, tokens) => ({
      index: 0,
      content: text,
      tokens: [],
      id_slot: slotId,
      stop: true,
      model: engine.options.alias,
      tokens_predicted: part.answerTokens,
      tokens_evaluated: part.promptTokens,
      prompt: prompt.join(''),
      has_new_line: text.includes('\n'),
      truncated: part.isTruncated,
      stop_type: part.reason,
      stopping_word: part.stoppingWord,
      tokens_cached: part.promptTokens + part.answerTokens - 1,
      timings: timingsOf(part),
      ...probabilities(tokens),
    }),
    done: '',
  }
}
