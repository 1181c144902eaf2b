import type { Clock, Timer } from '../../spec/clock.ts'
import type { RunPhase } from './worker/protocol.ts'

/** How often a worker is asked whether it is there. */
export const PING_INTERVAL_MS = 1_000
/** Pings in a row without an answer after which a worker counts as stuck. */
export const MAX_MISSED_PINGS = 6
/** A tick later than this was delayed by a sleeping or starved machine: silence before it proves nothing. */
const LATE_TICK_MS = 3 * PING_INTERVAL_MS
/** Rendering a chat template takes milliseconds; one that takes this long does not end. */
const RENDER_DEADLINE_MS = 5_000
/** Deadline of a piece of work whose speed is not known yet: the first slice of a large model on a slow disk. */
const UNKNOWN_DEADLINE_MS = 60_000
/** Shortest deadline of a piece of work, so that a busy machine is not mistaken for a stuck engine. */
const FLOOR_DEADLINE_MS = 15_000
/** A piece of work may take this many times what it should at the measured speed. */
const SLOWNESS_FACTOR = 20

/** Deadline for the next piece of a run, from what it should take at the measured speed (0 = not known). */
export function pieceDeadlineMs(phase: RunPhase, expectedMs: number): number {
  if (phase === 'render') return RENDER_DEADLINE_MS
  // The run that it waits for is watched itself; a search is the host's own work, with a deadline there.
  if (phase === 'wait' || phase === 'search') return Infinity
  if (expectedMs <= 0) return UNKNOWN_DEADLINE_MS
  return Math.max(FLOOR_DEADLINE_MS, expectedMs * SLOWNESS_FACTOR)
}

interface Watched {
  phase: RunPhase
  deadlineMs: number
  silentMs: number
}

/** Why a worker counts as stuck. `runId` is set when one run's own deadline passed. */
export interface StuckFinding {
  readonly detail: string
  readonly runId?: number
  readonly phase?: RunPhase
}

export interface WatchdogOptions {
  readonly clock: Clock
  readonly ping: (sequence: number) => void
  readonly onStuck: (finding: StuckFinding) => void
}

/**
 * Notices an engine that makes no progress: stopped (no answer to pings, although its main thread is free while it
 * evaluates) or caught in an evaluation (a run's piece passes its deadline). Time is counted in its own ticks, so a
 * machine that slept does not count as a silent engine.
 */
export class Watchdog {
  readonly #options: WatchdogOptions
  readonly #runs = new Map<number, Watched>()
  #timer: Timer | undefined
  #lastTickAtMs: number
  #sequence = 0
  #missedPings = 0

  constructor(options: WatchdogOptions) {
    this.#options = options
    this.#lastTickAtMs = options.clock.nowMs()
    this.#arm()
  }

  notePong(sequence: number): void {
    if (sequence === this.#sequence) this.#missedPings = 0
  }

  noteProgress(runId: number, phase: RunPhase, expectedMs: number): void {
    this.#runs.set(runId, { phase, deadlineMs: pieceDeadlineMs(phase, expectedMs), silentMs: 0 })
  }

  noteRunOver(runId: number): void {
    this.#runs.delete(runId)
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #arm(): void {
    this.#timer = this.#options.clock.setTimer(PING_INTERVAL_MS, () => this.#tick())
  }

  #tick(): void {
    const nowMs = this.#options.clock.nowMs()
    const elapsedMs = nowMs - this.#lastTickAtMs
    this.#lastTickAtMs = nowMs
    if (elapsedMs > LATE_TICK_MS) this.#missedPings = 0
    else {
      const finding = this.#judge(elapsedMs)
      if (finding) return this.#options.onStuck(finding)
    }
    this.#arm()
    this.#missedPings += 1
    this.#options.ping(++this.#sequence)
  }

  #judge(elapsedMs: number): StuckFinding | undefined {
    if (this.#missedPings >= MAX_MISSED_PINGS) return { detail: `no sign of life for ${MAX_MISSED_PINGS} s` }
    for (const [runId, run] of this.#runs) {
      run.silentMs += elapsedMs
      if (run.silentMs <= run.deadlineMs) continue
      const seconds = (run.silentMs / 1_000).toFixed(1)
      return { detail: `no progress for ${seconds} s while in ${run.phase}`, runId, phase: run.phase }
    }
    return undefined
  }
}
