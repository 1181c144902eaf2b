import { setImmediate } from 'node:timers/promises'
import { type AnswerWish, scriptAnswer, ScriptRefusal } from '../answering/answer-script.ts'
import { decode, type DecodedToken, type DecodeEnd } from '../answering/decode.ts'
import { type Body, readCount, readSeed, readStops } from '../openai/request-fields.ts'
import { pause } from '../time/pause.ts'
import type { Instance } from './instance.ts'
import { ClientLeft, Refusal } from './refusal.ts'
import type { FakeStudio } from './studio.ts'

/** The whole of what LM Studio says where a prompt does not fit. */
const TOO_LONG =
  'The number of tokens to keep from the initial prompt is greater than the context length. Try to load the model with a larger context length, or provide a shorter input'

/** One answer to be written. */
export interface AnswerRun {
  readonly instance: Instance
  readonly body: Body
  readonly prompt: readonly string[]
  readonly wish: Omit<AnswerWish, 'seed'>
  readonly left: AbortSignal
}

/** A prompt that does not fit, which a stream tells in another way than a whole answer. */
export class PromptTooLong extends Refusal {
  constructor() {
    super(400, TOO_LONG)
  }
}

/** Writes an answer, and keeps its instance in use meanwhile. Throws a {@link Refusal} or {@link ClientLeft}. */
export async function* writeAnswer(
  studio: FakeStudio,
  { instance, body, prompt, wish, left }: AnswerRun,
): AsyncGenerator<DecodedToken | DecodeEnd> {
  const script = scripted(studio, { ...wish, seed: readSeed(body, () => studio.nextSeed()) })
  const { contextTokens } = instance.config
  if (prompt.length >= contextTokens) throw new PromptTooLong()
  const stop = AbortSignal.any([left, instance.ended])
  const look = (): void => {
    if (left.aborted) throw new ClientLeft()
    if (instance.endedBy) throw lost(instance)
  }
  instance.use()
  try {
    const slot = await instance.pool.take(prompt, stop)
    look()
    if (!slot) throw new ClientLeft()
    try {
      yield* decode({
        slot,
        prompt,
        script,
        contextTokens,
        maxTokens: readCount(body, 'max_completion_tokens', 'max_tokens') ?? Infinity,
        stops: readStops(body['stop']),
        isCaching: true,
        clock: studio.clock,
        async prefill(tokenCount) {
          const ms = tokenCount * studio.knobs.promptTokenDelayMs
          if (ms > 0) await pause(studio.clock, ms, stop)
          look()
        },
        async turn(answeredTokens) {
          const { tokenDelayMs, crashAfterTokens } = studio.knobs
          if (tokenDelayMs > 0) await pause(studio.clock, tokenDelayMs, stop)
          else await setImmediate()
          if (answeredTokens >= (crashAfterTokens ?? Infinity)) studio.unload(instance, 'crashed')
          look()
        },
      })
    } finally {
      instance.pool.give(slot)
    }
  } finally {
    instance.leave()
  }
}

/** What is left of an answer whose model is gone. */
function lost({ endedBy }: Instance): Refusal {
  const crashed = 'The model has crashed without additional information. (Exit code: 6)'
  return new Refusal(400, endedBy === 'crashed' ? crashed : 'Model unloaded.')
}

function scripted(studio: FakeStudio, wish: AnswerWish): ReturnType<typeof scriptAnswer> {
  try {
    return scriptAnswer(wish, studio.knobs)
  } catch (error) {
    if (!(error instanceof ScriptRefusal)) throw error
    throw new Refusal(400, `Invalid schema: ${error.message}`)
  }
}
