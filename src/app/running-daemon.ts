import { readDaemonFile } from '../system/daemon-file.ts'

/** How long a daemon of this machine may take to say that it is there. */
const ANSWER_TIMEOUT_MS = 2_000

/** URL of the daemon of this state folder, if it answers; a file left by a killed one does not count. */
export async function readRunningDaemon(home: string): Promise<string | undefined> {
  const record = await readDaemonFile(home)
  if (!record) return undefined
  try {
    const response = await fetch(`${record.url}/health`, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) })
    await response.body?.cancel()
    return record.url
  } catch {
    return undefined
  }
}
