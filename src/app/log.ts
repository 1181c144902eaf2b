import { existsSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Logger, pino } from 'pino'

const LOG_NAME = 'grym.log'
/** A log larger than this is set aside at the next start; one older is kept. */
const MAX_LOG_BYTES = 10_000_000
/** Never written, wherever they stand. */
const SECRET_FIELDS = ['*.authorization', '*.token', '*.apiKey', 'headers.authorization', 'headers["x-api-key"]']

/** Has a daemon of this state folder written a log before? */
export function hasLog(folder: string): boolean {
  return existsSync(join(folder, LOG_NAME))
}

/** The daemon's log: JSON lines in the state folder, readable by its owner only. */
export function openLog(folder: string, level: string): Logger {
  const path = join(folder, LOG_NAME)
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > MAX_LOG_BYTES) renameSync(path, `${path}.1`)
  const destination = pino.destination({ dest: path, mkdir: true, mode: 0o600, sync: false })
  return pino({ level, base: null, redact: SECRET_FIELDS }, destination)
}
