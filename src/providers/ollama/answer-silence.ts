import type { Clock } from '../../spec/clock.ts'
import type { RunnerFinder } from '../../system/ollama-runners.ts'
import { SilenceWatch } from '../openai/silence-watch.ts'
import type { HeldRunner } from './held-runner.ts'

export interface AnswerSilenceOptions {
  readonly clock: Clock
  /** Absent where the server's processes cannot be seen. */
  readonly runners: RunnerFinder | undefined
  readonly runner: HeldRunner
  /** Of the whole request as it is sent. */
  readonly requestBytes: number
  /** Called once, when its model stands still. */
  readonly onStuck: (silentMs: number) => void
}

/** A long prompt is read for minutes on a CPU (307 s were measured), and a whole call of a tool comes in one piece. */
const LEAST_SILENT_MS = 600_000
/** Where nothing but silence is to be had of a model, it may read its prompt as slowly as this. */
const SLOWEST_PREFILL_TOKENS_PER_S = 10
/** Fewer bytes than most tokens have, so that a prompt is not taken for shorter than it is. */
const BYTES_PER_TOKEN = 3
/** The kernel's unit in `/proc`. */
const MS_PER_TICK = 10
/** Part of the time that a process works which does anything at all; one that waits for nothing takes a few ms in a minute. */
const LEAST_WORKING_RATIO = 0.001

/**
 * Watches over one answer that may stand still for ever: Ollama goes on answering about itself when the process of a model
 * hangs. Where that process is seen, it counts as stuck after 10 minutes in which nothing came and it took no CPU time; where
 * it is not, after 10 minutes or as long as a slow machine needs for the prompt. Has to be stopped.
 */
export function answerSilence({ clock, runners, runner, requestBytes, onStuck }: AnswerSilenceOptions): SilenceWatch {
  const { process, contextTokens } = runner
  const isSeen = process !== undefined && runners !== undefined
  const promptTokens = Math.min(contextTokens, requestBytes / BYTES_PER_TOKEN)
  const prefillMs = (promptTokens / SLOWEST_PREFILL_TOKENS_PER_S) * 1_000
  const mostSilentMs = isSeen ? LEAST_SILENT_MS : Math.max(LEAST_SILENT_MS, Math.ceil(prefillMs))
  let last = { atMs: clock.nowMs(), ticks: isSeen ? runners.cpuTicks(process) : undefined }
  const isWorking = (): boolean => {
    const before = last
    last = { atMs: clock.nowMs(), ticks: isSeen ? runners.cpuTicks(process) : undefined }
    if (before.ticks === undefined || last.ticks === undefined) return false
    return (last.ticks - before.ticks) * MS_PER_TICK > (last.atMs - before.atMs) * LEAST_WORKING_RATIO
  }
  return new SilenceWatch({
    clock,
    mostSilentMs,
    isAlive: () => Promise.resolve(isWorking()),
    onDead: () => onStuck(mostSilentMs),
  })
}
