import { readDaemonFile } from '../system/daemon-file.ts'
import { readDaemonToken } from '../system/daemon-token.ts'

/** How long a daemon of this machine may take to say that it is there. */
const ANSWER_TIMEOUT_MS = 2_000

/** A daemon that answers. */
export interface RunningDaemon {
  readonly url: string
  /** Secret: lets the user's own tools in where keys are asked for. `undefined` = it has none. */
  readonly token: string | undefined
}

/** The daemon of this state folder, if it answers; a file left by a killed one does not count. */
export async function readRunningDaemon(home: string): Promise<RunningDaemon | undefined> {
  const record = await readDaemonFile(home)
  if (!record) return undefined
  try {
    const response = await fetch(`${record.url}/health`, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) })
    await response.body?.cancel()
    return { url: record.url, token: await readDaemonToken(home) }
  } catch {
    return undefined
  }
}
