import { once } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../../spec/clock.ts'
import { commonLength } from '../../spec/common-length.ts'
import { firstStop, mayBecomeStop } from '../answering/stop-strings.ts'
import type { ScriptedToken } from './answer-script.ts'
import type { CannedCall } from '../answering/answer-script.ts'
import type { FakeOllamaCounters, FakeOllamaKnobs } from './knobs.ts'
import type { RunOptions } from './load-options.ts'
import { shortName } from './models.ts'
import { pause } from '../time/pause.ts'
import { Refusal } from './refusal.ts'
import type { Runner } from './runner.ts'

/** A part of an answer that is sent at once: several tokens where the last ones could have become a stop string. */
export interface AnswerPiece {
  readonly content: string
  readonly thinking: string
  readonly calls: readonly CannedCall[]
  readonly tokens: readonly string[]
}

/** How an answer ended, and its counts. */
export interface AnswerEnd {
  readonly reason: 'stop' | 'length'
  /** All of the prompt, what was cached included. */
  readonly promptTokens: number
  readonly cachedTokens: number
  readonly answerTokens: number
  readonly answer: readonly string[]
}

/** One answer to be written. */
export interface AnswerRun {
  readonly runner: Runner
  readonly prompt: readonly string[]
  readonly script: readonly ScriptedToken[]
  readonly options: RunOptions
  readonly isShifting: boolean
  readonly signal: AbortSignal
}

/** What is the same for every answer of a server. */
export interface AnswerSetting {
  readonly clock: Clock
  readonly knobs: FakeOllamaKnobs
  readonly counters: FakeOllamaCounters
}

/** Writes an answer into a slot of its runner, piece by piece and then its end. Throws when the runner dies, fails, or nobody reads. */
export async function* writeAnswer(run: AnswerRun, setting: AnswerSetting): AsyncGenerator<AnswerPiece | AnswerEnd> {
  const { runner, prompt, signal } = run
  const slot = await runner.takeSlot(prompt, signal, setting.knobs.crashText)
  // At least one token is evaluated again, or there would be nothing to go on from.
  const cachedTokens = Math.min(commonLength(slot.tokens, prompt), prompt.length - 1)
  const answer: string[] = []
  let reason: AnswerEnd['reason']
  try {
    reason = yield* decode(run, setting, answer)
  } finally {
    slot.tokens = [...prompt, ...answer]
    runner.giveSlot(slot)
  }
  yield { reason, promptTokens: prompt.length, cachedTokens, answerTokens: answer.length, answer }
}

async function* decode(
  run: AnswerRun,
  setting: AnswerSetting,
  answer: string[],
): AsyncGenerator<AnswerPiece, 'stop' | 'length'> {
  const { runner, options, script } = run
  const { numCtxTokens } = runner.signature.options
  const most = options.numPredictTokens < 0 ? 10 * numCtxTokens : options.numPredictTokens
  const failure = setting.knobs.runFailures.get(shortName(runner.model.name))
  let usedTokens = run.prompt.length
  let held: ScriptedToken[] = []
  for (const token of script) {
    if (answer.length >= most) return yield* ended(held, 'length')
    await turn(run, setting)
    if (failure && answer.length >= failure.afterTokens) throw new Refusal(500, failure.text)
    if (usedTokens >= numCtxTokens) {
      if (!run.isShifting) return yield* ended(held, 'length')
      usedTokens -= Math.max(1, Math.floor((numCtxTokens - Math.min(options.numKeepTokens, numCtxTokens)) / 2))
      setting.counters.contextShifts++
    }
    answer.push(token.text)
    usedTokens++
    held.push(token)
    const content = textOf(held, 'content')
    const stopAt = firstStop(content, options.stop)
    if (stopAt !== undefined) {
      const piece = pieceOf(held)
      if (stopAt > 0 || piece.thinking !== '') yield { ...piece, content: content.slice(0, stopAt) }
      return 'stop'
    }
    if (mayBecomeStop(content, options.stop) || (token.part === 'call' && !token.call)) continue
    yield pieceOf(held)
    held = []
  }
  return yield* ended(held, 'stop')
}

/** What was held back is sent after all: it became no stop string. */
function* ended<R extends 'stop' | 'length'>(held: readonly ScriptedToken[], reason: R): Generator<AnswerPiece, R> {
  if (held.some(({ part }) => part !== 'call')) yield pieceOf(held)
  return reason
}

async function turn({ runner, signal }: AnswerRun, { clock, knobs }: AnswerSetting): Promise<void> {
  const gone = AbortSignal.any([signal, runner.died])
  if (knobs.stuckRunners.has(shortName(runner.model.name)) && !gone.aborted) await once(gone, 'abort')
  if (knobs.tokenDelayMs > 0) await pause(clock, knobs.tokenDelayMs, gone)
  else await setImmediate()
  if (signal.aborted) throw new Refusal(499, 'request canceled')
  if (runner.died.aborted) throw new Refusal(500, knobs.crashText)
}

function pieceOf(held: readonly ScriptedToken[]): AnswerPiece {
  return {
    content: textOf(held, 'content'),
    thinking: textOf(held, 'thinking'),
    calls: held.flatMap(({ call }) => call ?? []),
    tokens: held.map(({ text }) => text),
  }
}

function textOf(held: readonly ScriptedToken[], wanted: ScriptedToken['part']): string {
  return held.flatMap(({ text, part }) => (part === wanted ? text : [])).join('')
}
