import type { ErrorReason } from '../spec/error-reason.ts'
import { ERROR_TABLE } from '../spec/error-table.ts'
import { ResourceError, toErrorData } from '../spec/errors.ts'
import { printableJson } from '../spec/printable-text.ts'

/** What a verb writes to: people's words or JSON, results on stdout, everything else on stderr. */
export class Terminal {
  readonly isJson: boolean

  constructor(isJson: boolean) {
    this.isJson = isJson
  }

  /** The result: JSON for programs, words for people. */
  result(value: unknown, words: string): void {
    process.stdout.write(this.isJson ? `${printableJson(value)}\n` : `${words}\n`)
  }

  /** A piece of a result that comes bit by bit; for people only. */
  piece(text: string): void {
    if (!this.isJson) process.stdout.write(text)
  }

  /** Something to know that is no error; with `--json` as a line of its own on stderr. */
  notice(text: string): void {
    process.stderr.write(`${this.isJson ? JSON.stringify({ notice: text }) : text}\n`)
  }

  /** A line that is replaced by the next one; only where there is someone to watch. */
  progress(text: string): void {
    if (process.stderr.isTTY) process.stderr.write(`\r\u001b[2K${text}`)
  }

  progressOver(): void {
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[2K')
  }

  /** One clear sentence and the next step, or the error as JSON. Returns the exit code. */
  failure(error: unknown): number {
    const { reason, message, details } = toErrorData(error)
    if (this.isJson) {
      const { code } = ERROR_TABLE[reason]
      process.stderr.write(`${JSON.stringify({ error: { code, reason, message, id: details?.['id'] ?? null } })}\n`)
    } else {
      process.stderr.write(`grym: ${message}\n`)
      if (reason === 'internal' && error instanceof Error && error.stack) process.stderr.write(`${error.stack}\n`)
    }
    return exitCodeOf(error)
  }
}

/** Refused by a limit or a key: an exit code of its own, because a script may want to wait and try again. */
const REFUSED: ReadonlySet<ErrorReason> = new Set([
  'model-limit-reached',
  'memory-limit-exceeded',
  'model-too-large',
  'queue-full',
  'queue-timeout',
  'too-many-connections',
  'request-too-large',
  'host-not-allowed',
  'key-missing',
  'key-unknown',
  'circuit-open',
])

/** 1 failed, 2 wrong use, 3 daemon not reachable, 4 refused, 130 interrupted. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof ResourceError)) return 1
  if (error.reason === 'daemon-unreachable' || error.reason === 'starting') return 3
  if (error.reason === 'request-cancelled') return 130
  if (error.reason === 'invalid-request') return 2
  return REFUSED.has(error.reason) ? 4 : 1
}

/** Columns for people: as wide as their widest cell. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)))
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
