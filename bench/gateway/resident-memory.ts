import { readFile } from 'node:fs/promises'

/** Resident memory of a process, bytes (proc(5), `VmRSS`); `undefined` where there is no /proc. */
export async function rssBytes(pid: number): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1_024
}
