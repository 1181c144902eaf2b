import type { Clock } from '../../spec/clock.ts'
import type { ScriptedToken } from './answer-script.ts'
import { commonLength } from '../../spec/common-length.ts'
import type { Slot } from './slot-pool.ts'
import { firstStop, mayBecomeStop } from './stop-strings.ts'

/** A token that was decoded and what may be sent for it: more where earlier ones were held back, less for a stop string. */
export interface DecodedToken {
  readonly type: 'token'
  /** '' for the one that ends an answer. */
  readonly token: string
  readonly part: ScriptedToken['part']
  readonly call: ScriptedToken['call']
  readonly text: string
}

/** How an answer ended, and its counts. */
export interface DecodeEnd {
  readonly type: 'end'
  /** Its own end, a stop string, or a limit. */
  readonly reason: 'eos' | 'word' | 'limit'
  readonly stoppingWord: string
  /** Whether the limit was the context. */
  readonly isTruncated: boolean
  readonly promptTokens: number
  readonly cachedTokens: number
  /** With the token that ended it. */
  readonly answerTokens: number
  readonly promptMs: number
  readonly answerMs: number
}

/** One answer to be decoded. */
export interface DecodeRun {
  readonly slot: Slot
  readonly prompt: readonly string[]
  readonly script: readonly ScriptedToken[]
  readonly contextTokens: number
  readonly maxTokens: number
  readonly stops: readonly string[]
  /** Whether what the slot holds may be used. */
  readonly isCaching: boolean
  readonly clock: Clock
  /** Computes the prompt; rejects when nobody reads any more. */
  readonly prefill: (tokenCount: number) => Promise<void>
  /** Computes one token after so many; rejects when nobody reads any more. */
  readonly turn: (answeredTokens: number) => Promise<void>
  /** Told when the prompt is known to fit and is about to be computed. */
  readonly onBegin?: (cachedTokens: number) => void
}

/** Decodes into a slot: token by token, then the end. What the slot holds afterwards is the prompt and the answer. */
export async function* decode(run: DecodeRun): AsyncGenerator<DecodedToken | DecodeEnd> {
  const { slot, prompt, clock } = run
  // At least one token is evaluated again, or there would be nothing to go on from.
  const cachedTokens = run.isCaching ? Math.min(commonLength(slot.tokens, prompt), prompt.length - 1) : 0
  run.onBegin?.(cachedTokens)
  const answer: string[] = []
  const startMs = clock.nowMs()
  slot.tokens = prompt.slice(0, cachedTokens)
  await run.prefill(prompt.length - cachedTokens)
  slot.tokens = prompt
  const promptEndMs = clock.nowMs()
  let end: Pick<DecodeEnd, 'reason' | 'stoppingWord' | 'isTruncated'>
  try {
    end = yield* write(run, answer)
  } finally {
    // The last token was sampled and never computed.
    slot.tokens = [...prompt, ...answer.slice(0, -1)]
  }
  yield {
    type: 'end',
    ...end,
    promptTokens: prompt.length,
    cachedTokens,
    answerTokens: answer.length,
    promptMs: promptEndMs - startMs,
    answerMs: clock.nowMs() - promptEndMs,
  }
}

async function* write(
  run: DecodeRun,
  answer: string[],
): AsyncGenerator<DecodedToken, Pick<DecodeEnd, 'reason' | 'stoppingWord' | 'isTruncated'>> {
  const { stops, maxTokens, contextTokens } = run
  let held = ''
  for (const { text: token, part, call } of [...run.script, END]) {
    await run.turn(answer.length)
    answer.push(token)
    const isEnd = token === ''
    held += part === 'content' ? token : ''
    const stopAt = firstStop(held, stops)
    const isStopped = stopAt !== undefined
    const isFull = run.prompt.length + answer.length >= contextTokens
    const isLast = isEnd || isFull || answer.length >= maxTokens
    const isHeld = !isLast && part === 'content' && mayBecomeStop(held, stops)
    const content = isStopped ? held.slice(0, stopAt) : held
    yield { type: 'token', token, part, call, text: isHeld && !isStopped ? '' : part === 'content' ? content : token }
    if (isStopped) return { reason: 'word', stoppingWord: stopIn(held, stops, stopAt), isTruncated: false }
    if (isEnd) return { reason: 'eos', stoppingWord: '', isTruncated: false }
    if (isLast) return { reason: 'limit', stoppingWord: '', isTruncated: isFull }
    if (!isHeld && part === 'content') held = ''
  }
  throw new Error('a script has an end')
}

const END: ScriptedToken = { text: '', part: 'content' }

function stopIn(text: string, stops: readonly string[], place: number): string {
  return stops.find((stop) => stop !== '' && text.startsWith(stop, place)) ?? ''
}
