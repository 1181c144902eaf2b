import { type ResourceError, resourceError } from '../../spec/errors.ts'
import { printableLine } from '../../spec/printable-text.ts'
import type { ProcessEnd } from '../../system/process-group.ts'
import type { ProcessOutput } from '../../system/process-output.ts'
import { classifyLlamaCppFailure } from '../llama-cpp-failure.ts'

/** Longest last line that is quoted. */
const MAX_QUOTE_CHARACTERS = 300

export interface FailedStart {
  /** For people: `server 'qwen'`. */
  readonly title: string
  readonly command: readonly string[]
  readonly end: ProcessEnd
  readonly output: ProcessOutput
  /** The kernel killed something for lack of memory meanwhile. */
  readonly isOutOfMemory: boolean
}

/**
 * Why a command ended before it was ready.
 *
 * 1. it could not be started
 * 2. killed for lack of memory, or from outside, which says nothing about the model
 * 3. what it printed is known of llama.cpp
 * 4. nothing is known: the last line and the exit code are all there is
 */
export function startFailure({ title, command, end, output, isOutOfMemory }: FailedStart): ResourceError {
  const program = command[0] ?? ''
  const log = output.tail
  const details = { command: program, ...(log !== '' && { log }) }
  if (end.error) return notStarted(title, program, end.error)
  if (isOutOfMemory) {
    const message = `The kernel killed ${title} for lack of memory while it loaded. Free memory or use a smaller context.`
    return resourceError('out-of-memory', message, { details })
  }
  const known = classifyLlamaCppFailure(output.text)
  if (known && known.reason !== 'engine-lost') {
    return resourceError(known.reason, `${capital(title)} did not start: ${sentence(printableLine(known.said))}`, {
      details,
    })
  }
  if (end.signal === 'SIGKILL') {
    const message = `${capital(title)} was killed from outside while it started (signal SIGKILL).`
    return resourceError('engine-lost', message, {
      details: { ...details, cause: 'crashed', detail: 'signal SIGKILL' },
    })
  }
  const how = end.signal === null ? `exit code ${end.code}` : `signal ${end.signal}`
  const message = `${capital(title)} ended before it was ready (${how}).${quote(log)} Run the command by hand, or look at its log.`
  return resourceError('server-start-failed', message, { details })
}

export function portInUse(title: string, port: number): ResourceError {
  const message = `Port ${port}, which ${title} is to listen on, is used by another program. End that one, or set another port (0 = any free one).`
  return resourceError('port-in-use', message, { details: { port } })
}

/** @param lastReply what its health question was answered with last; `undefined` = with nothing. */
export function notReadyInTime(
  title: string,
  deadlineMs: number,
  { tail: log }: ProcessOutput,
  lastReply?: HealthReply,
): ResourceError {
  const replied = lastReply ? ` It answered ${lastReply.path} with status ${lastReply.status}.` : ''
  const message = `${capital(title)} was not ready within ${deadlineMs / 1_000} s.${replied}${quote(log)} Raise its startDeadline, or look at its log.`
  return resourceError('load-timeout', message, { details: { log, ...lastReply } })
}

/** A health question that was answered, well or not. */
export interface HealthReply {
  readonly path: string
  readonly status: number
}

export function isKeyRefused(status: number | undefined): boolean {
  return status === 401 || status === 403
}

/** It is there, and does not talk to who has no key or another one. */
export function keyRefused(title: string, { path, status }: HealthReply): ResourceError {
  const message = `${capital(title)} refuses the key, or asks for one (status ${status} of ${path}). Set keyFile or keyVariable of it in the configuration.`
  return resourceError('engine-refused', message, { details: { path, status } })
}

function notStarted(title: string, program: string, error: NodeJS.ErrnoException): ResourceError {
  const why =
    error.code === 'ENOENT'
      ? `there is no program '${program}', or not the folder it is to run in. Install it, or correct its path`
      : `'${program}' cannot be run (${error.code ?? error.message}). Make it executable, or correct its path`
  return resourceError('server-start-failed', `${capital(title)} cannot be started: ${why}.`, { cause: error })
}

function quote(log: string): string {
  const line = log.split('\n').findLast((each) => each.trim() !== '')
  return line === undefined ? '' : ` It said: ${sentence(printableLine(line).trim().slice(0, MAX_QUOTE_CHARACTERS))}`
}

function sentence(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`
}

function capital(title: string): string {
  return title.charAt(0).toUpperCase() + title.slice(1)
}
