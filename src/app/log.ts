import { closeSync, existsSync, fchmodSync, openSync, renameSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type DestinationStream, type Logger, pino } from 'pino'

const LOG_NAME = 'grym.log'
/** A log larger than this is set aside at the next start; one older is kept. */
const MAX_LOG_BYTES = 10_000_000
/** Never written, wherever they stand. */
const SECRET_FIELDS = ['*.authorization', '*.token', '*.apiKey', 'headers.authorization', 'headers["x-api-key"]']

/**
 * Appends lines to a file, at once: a line costs some 20 µs and none is lost when the process ends. What cannot be
 * written (a full disk) is dropped and counted; the next line that fits says how many. pino's own destination retries
 * a full disk for ever, and the daemon would stand still with it.
 */
export class LogFile implements DestinationStream {
  readonly #file: number
  #lostLines = 0

  constructor(path: string) {
    this.#file = openSync(path, 'a', 0o600)
    fchmodSync(this.#file, 0o600)
  }

  write(line: string): void {
    try {
      if (this.#lostLines > 0) {
        writeSync(
          this.#file,
          `{"level":40,"time":${Date.now()},"lostLines":${this.#lostLines},"msg":"lines were lost"}\n`,
        )
        this.#lostLines = 0
      }
      writeSync(this.#file, line)
    } catch {
      this.#lostLines += 1
    }
  }

  close(): void {
    closeSync(this.#file)
  }
}

/** Has a daemon of this state folder written a log before? */
export function hasLog(folder: string): boolean {
  return existsSync(join(folder, LOG_NAME))
}

/** The daemon's log: JSON lines in the state folder, readable by its owner only. */
export function openLog(folder: string, level: string): Logger {
  const path = join(folder, LOG_NAME)
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > MAX_LOG_BYTES) renameSync(path, `${path}.1`)
  return pino({ level, base: null, redact: SECRET_FIELDS }, new LogFile(path))
}
