import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from './atomic-file.ts'
import { readJsonFile } from './json-file.ts'

/** `daemon.json`: how clients of the same state folder find the running daemon. */
export interface DaemonRecord {
  readonly pid: number
  readonly url: string
  readonly version: string
  readonly startedAtMs: number
}

export function daemonFilePath(home: string): string {
  return join(home, 'daemon.json')
}

export async function writeDaemonFile(home: string, record: DaemonRecord): Promise<void> {
  await writeFileAtomic(daemonFilePath(home), `${JSON.stringify(record, null, 2)}\n`)
}

/** The record, or `undefined` when there is none that can be used. Whether that daemon still runs is not said: ask its URL. */
export async function readDaemonFile(home: string): Promise<DaemonRecord | undefined> {
  const json = await readJsonFile(daemonFilePath(home))
  if (typeof json !== 'object' || json === null) return undefined
  const { pid, url, version, startedAtMs } = json as Partial<Record<keyof DaemonRecord, unknown>>
  if (!Number.isSafeInteger(pid) || Number(pid) <= 0 || typeof url !== 'string' || !url.startsWith('http://'))
    return undefined
  return {
    pid: Number(pid),
    url,
    version: typeof version === 'string' ? version : '',
    startedAtMs: typeof startedAtMs === 'number' ? startedAtMs : 0,
  }
}

export async function removeDaemonFile(home: string): Promise<void> {
  await rm(daemonFilePath(home), { force: true })
}
