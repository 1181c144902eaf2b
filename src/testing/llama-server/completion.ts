import { type AnswerWish, scriptAnswer, ScriptRefusal } from '../answering/answer-script.ts'
import { decode, type DecodedToken, type DecodeEnd } from '../answering/decode.ts'
import { type Body, readCount, readSeed, readStops } from '../openai/request-fields.ts'
import type { LlamaEngine } from './engine.ts'
import { ClientLeft, Refusal } from './refusal.ts'

/** A completion whose request has been read, whatever the dialect. */
export interface Completion {
  readonly prompt: readonly string[]
  readonly wish: AnswerWish
  readonly stops: readonly string[]
  readonly maxTokens: number
  readonly slotId: number | undefined
  readonly isCaching: boolean
  /** 0: none are sent. */
  readonly topLogprobs: number
  readonly isStream: boolean
  readonly isUsageSent: boolean
  readonly isTimedPerToken: boolean
}

/** Its prompt fits, has a slot, and is about to be computed: the head of a stream is sent. */
export interface CompletionBegin {
  readonly type: 'begin'
  readonly slotId: number
}

/** Fields that are numbers, where a text is an error. */
const NUMBERS = ['max_tokens', 'max_completion_tokens', 'n_predict', 'temperature', 'top_p', 'top_k', 'min_p', 'seed']

/** Reads what a chat and a text have in common. */
export function readCompletion(
  engine: LlamaEngine,
  body: Body,
  asked: Pick<Completion, 'prompt' | 'topLogprobs'> & Omit<AnswerWish, 'seed' | 'leastTokens'>,
): Completion {
  for (const name of NUMBERS) {
    const value = body[name]
    if (value === undefined || value === null || typeof value === 'number') continue
    const text = `Field '${name}': [json.exception.type_error.302] type must be number, but is ${typeof value}`
    throw new Refusal('invalid_request_error', text)
  }
  const { prompt, topLogprobs, ...wish } = asked
  const options = body['stream_options'] as Body | null | undefined
  const limit = readCount(body, 'n_predict', 'max_completion_tokens', 'max_tokens') ?? engine.options.maxTokens
  return {
    prompt,
    topLogprobs,
    wish: {
      ...wish,
      seed: readSeed(body, () => engine.nextSeed()),
      leastTokens: body['ignore_eos'] === true ? engine.contextTokens : undefined,
    },
    stops: readStops(body['stop']),
    maxTokens: limit ?? Infinity,
    slotId: readCount(body, 'id_slot'),
    isCaching: body['cache_prompt'] !== false,
    isStream: body['stream'] === true,
    isUsageSent: options?.['include_usage'] === true,
    isTimedPerToken: body['timings_per_token'] === true,
  }
}

/** Writes an answer. Throws a {@link Refusal} before it begins, and {@link ClientLeft} at any time. */
export async function* complete(
  engine: LlamaEngine,
  completion: Completion,
  left: AbortSignal,
): AsyncGenerator<CompletionBegin | DecodedToken | DecodeEnd> {
  const { prompt, stops, maxTokens, slotId, isCaching } = completion
  const script = scripted(engine, completion.wish)
  await engine.atLoop(left)
  const slot = await engine.pool.take(
    prompt,
    left,
    slotId === undefined ? undefined : slotId % engine.pool.slots.length,
  )
  if (!slot) throw new ClientLeft()
  try {
    refuseTooLong(prompt.length, engine.contextTokens)
    engine.promptCache.change(slot, prompt)
    yield { type: 'begin', slotId: slot.id }
    yield* decode({
      slot,
      prompt,
      script,
      stops,
      maxTokens,
      isCaching,
      contextTokens: engine.contextTokens,
      clock: engine.clock,
      prefill: (tokenCount) => engine.prefill(tokenCount, left),
      turn: (answeredTokens) => engine.turn(answeredTokens, left),
    })
    engine.counters.answered++
  } finally {
    engine.pool.give(slot)
  }
}

/** What an answer took. The first token counts as part of the prompt; nothing takes less than a microsecond. */
export function timingsOf(end: DecodeEnd): Record<string, number> {
  const computed = end.promptTokens - end.cachedTokens
  const written = end.answerTokens - 1
  const promptMs = Math.max(end.promptMs, LEAST_MS)
  const answerMs = Math.max(end.answerMs, LEAST_MS)
  return {
    cache_n: end.cachedTokens,
    prompt_n: computed,
    prompt_ms: promptMs,
    prompt_per_token_ms: promptMs / computed,
    prompt_per_second: (1000 * computed) / promptMs,
    predicted_n: end.answerTokens,
    predicted_ms: answerMs,
    predicted_per_token_ms: written > 0 ? answerMs / written : 0,
    predicted_per_second: (1000 * written) / answerMs,
  }
}

const LEAST_MS = 0.001

function scripted(engine: LlamaEngine, wish: AnswerWish): ReturnType<typeof scriptAnswer> {
  try {
    return scriptAnswer(wish, engine.knobs)
  } catch (error) {
    if (!(error instanceof ScriptRefusal)) throw error
    throw new Refusal(
      'invalid_request_error',
      `Unable to generate parser for this template. Automatic parser generation failed: JSON schema error at #: ${error.message}`,
    )
  }
}

/** Throws llama-server's refusal of a prompt that leaves no room for an answer. */
export function refuseTooLong(promptTokens: number, contextTokens: number): void {
  if (promptTokens < contextTokens) return
  const text = `request (${promptTokens} tokens) exceeds the available context size (${contextTokens} tokens), try increasing it`
  throw new Refusal('exceed_context_size_error', text, { n_prompt_tokens: promptTokens, n_ctx: contextTokens })
}
