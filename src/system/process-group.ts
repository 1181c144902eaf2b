import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import type { Clock } from '../spec/clock.ts'
import { holdProcess } from './hold-process.ts'
import { killAtExit } from './living-groups.ts'
import { isAbsence, readKernelFile } from './optional-file.ts'
import { ProcessOutput } from './process-output.ts'
import { parseProcessStat } from './process-stat.ts'

/** How often a group that is to end is looked at, ms. */
const LOOK_INTERVAL_MS = 20
/** How long a killed group may take to be gone: only a process that waits for a disk outlives that, ms. */
const KILLED_DEADLINE_MS = 5_000

export interface ProcessGroupOptions {
  readonly clock: Clock
  readonly command: readonly string[]
  /** All of it: nothing is inherited beside. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Default: our own. */
  readonly cwd?: string
}

/** How the first process of a group ended. */
export interface ProcessEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** It could not be started at all. */
  readonly error?: NodeJS.ErrnoException
}

/**
 * A program and all that it starts: a group of its own, so that a signal reaches every one of them. Its output is kept.
 * It does not keep our own process from ending, and is killed when that ends.
 * On Windows, which has no groups, the tree below the program is ended by `taskkill`; that was not run on one.
 */
export class ProcessGroup {
  readonly output: ProcessOutput = new ProcessOutput()
  /** How the program ended; others of its group may go on. */
  readonly ended: Promise<ProcessEnd>
  readonly #child: ChildProcess
  readonly #clock: Clock
  readonly #forget: () => void
  #end: ProcessEnd | undefined
  #isAsked = false

  constructor({ clock, command, environment, cwd }: ProcessGroupOptions) {
    const [program = '', ...args] = command
    this.#clock = clock
    this.#child = spawn(program, args, {
      ...(cwd !== undefined && { cwd }),
      env: { ...environment },
      detached: process.platform !== 'win32',
      windowsHide: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const name of ['stdout', 'stderr'] as const) {
      const stream = this.#child[name]
      stream?.on('data', (piece: Buffer) => this.output.add(name, piece))
      if (stream && 'unref' in stream && typeof stream.unref === 'function') stream.unref()
    }
    this.#child.unref()
    this.#forget = this.#child.pid === undefined ? () => undefined : killAtExit(this)
    this.ended = new Promise((resolve) => {
      const tell = (end: ProcessEnd): void => {
        this.#end ??= end
        if (this.pids().length === 0) this.#forget()
        resolve(this.#end)
      }
      this.#child.on('error', (error) => {
        if (this.#child.pid === undefined) tell({ code: null, signal: null, error })
      })
      this.#child.once('exit', (code, signal) => tell({ code, signal }))
    })
  }

  /** Of the program, and of its group; `undefined` = it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid
  }

  /** How the program ended; `undefined` = it runs. */
  get end(): ProcessEnd | undefined {
    return this.#end
  }

  /** Every process of the group that runs; where groups cannot be read, the program alone. */
  pids(): readonly number[] {
    const { pid } = this
    if (pid === undefined) return []
    const members = groupMembers(pid)
    return members ?? (this.#end ? [] : [pid])
  }

  /**
   * Asks the group to end, before this returns, and once: many programs take a second SIGTERM for a reason to leave
   * without cleaning up. False when there is nobody left to be asked.
   */
  ask(): boolean {
    const { pid } = this
    if (pid === undefined) return false
    // Windows has no such question.
    this.#isAsked ||= process.platform === 'win32' || signalGroup(pid, 'SIGTERM')
    return this.#isAsked
  }

  /** Ends the group, before this returns as far as the system allows. */
  kill(): void {
    const { pid } = this
    if (pid === undefined) return
    if (process.platform === 'win32') killTree(pid)
    else signalGroup(pid, 'SIGKILL')
  }

  /**
   * Asks the group to end and resolves when all of it is gone; what is left after the grace is killed. Our own process
   * does not end meanwhile.
   * @param graceMs how long it may take; 0 = it is killed at once.
   */
  stop(graceMs: number): Promise<void> {
    return holdProcess(async () => {
      if (graceMs > 0 && this.ask() && (await this.#isGoneWithin(graceMs))) return
      this.kill()
      await this.#isGoneWithin(KILLED_DEADLINE_MS)
    })
  }

  /** The end of the program is a reason to look at once: whoever ends it to make room waits for that. */
  async #untilNextLook(): Promise<void> {
    const passed = Promise.withResolvers<void>()
    const timer = this.#clock.setTimer(LOOK_INTERVAL_MS, passed.resolve)
    await (this.#end ? passed.promise : Promise.race([this.ended, passed.promise]))
    timer.cancel()
  }

  async #isGoneWithin(deadlineMs: number): Promise<boolean> {
    const untilMs = this.#clock.nowMs() + deadlineMs
    for (;;) {
      if (this.#end && this.pids().length === 0) {
        this.#forget()
        return true
      }
      if (this.#clock.nowMs() >= untilMs) return false
      await this.#untilNextLook()
    }
  }
}

/** A program of Windows and all below it. */
function killTree(pid: number): void {
  try {
    execFileSync('taskkill', ['/pid', String(pid), '/t', '/f'], { timeout: KILLED_DEADLINE_MS, stdio: 'ignore' })
  } catch (error) {
    // It fails where the program has ended already, and whether that is so is looked at by whoever waits.
    if (!(error instanceof Error)) throw error
  }
}

/** Signals every process of a group; false when there is none. */
export function signalGroup(groupId: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(-groupId, signal)
  } catch (error) {
    if (isAbsence(error)) return false
    throw error
  }
}

/** The processes of a group that have not ended; `undefined` where this system does not tell. */
export function groupMembers(groupId: number): readonly number[] | undefined {
  if (!signalsAnyone(groupId)) return []
  if (process.platform !== 'linux') return undefined
  const pids = readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0)
  return pids.filter((pid) => {
    const stat = parseProcessStat(readKernelFile(`/proc/${pid}/stat`) ?? '')
    // One that has ended and waits to be noticed holds no memory; without an init process it may wait for ever.
    return stat?.groupId === groupId && !stat.hasEnded
  })
}

function signalsAnyone(groupId: number): boolean {
  if (process.platform === 'win32') return true
  try {
    process.kill(-groupId, 0)
    return true
  } catch (error) {
    if (isAbsence(error)) return false
    throw error
  }
}
