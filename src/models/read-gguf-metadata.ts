import { fork } from 'node:child_process'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ErrorData, fromErrorData, resourceError } from '../spec/errors.ts'
import { formatDuration } from '../spec/units.ts'
import type { GgufMetadata } from './gguf-metadata.ts'

/** What the reading process says. */
export type GgufAnswer = { readonly metadata: GgufMetadata } | { readonly error: ErrorData }

/** Heap the process may use; the vocabulary of a large model takes about 100 MB of it. */
const MAX_HEAP_MB = 512
/** Longest a header may take to read. */
const READ_TIMEOUT_MS = 30_000

/**
 * Reads the header of a GGUF file in a process of its own: a vocabulary is some hundred thousand strings, which would
 * stop the event loop for a tenth of a second and keep our memory large ever after (measured on the idle daemon:
 * 247 MB, from a thread 145 MB, from a process 100 MB). A hostile file can fill that process, not us.
 * Throws `model-file-missing`, `model-file-corrupt`, and `load-timeout` where it takes too long.
 */
export async function readGgufMetadata(path: string): Promise<GgufMetadata> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const entry = fileURLToPath(new URL(`./gguf-reader.${extension}`, import.meta.url))
  const execArgv = [`--max-old-space-size=${MAX_HEAP_MB}`]
  const reader = fork(entry, [path], { execArgv, stdio: 'ignore', timeout: READ_TIMEOUT_MS, killSignal: 'SIGKILL' })
  const answer = await new Promise<GgufAnswer | undefined>((resolve, reject) => {
    reader.once('message', (message) => resolve(message as GgufAnswer))
    reader.once('exit', () => resolve(undefined))
    reader.once('error', reject)
  })
  if (answer === undefined && reader.killed) {
    const message = `${basename(path)}: its header could not be read within ${formatDuration(READ_TIMEOUT_MS)}. The machine is busy, or the file is no model's.`
    throw resourceError('load-timeout', message)
  }
  if (answer === undefined) {
    const message = `${basename(path)} cannot be used: reading its header takes more memory than a model's would.`
    throw resourceError('model-file-corrupt', message)
  }
  if ('error' in answer) throw fromErrorData(answer.error)
  return answer.metadata
}
