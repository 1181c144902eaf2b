import { formatBytes } from '../spec/units.ts'

const WIDTH = 30

/** `[########......................]  27 %  25.1 MB of 92.9 MB` */
export function progressBar({
  receivedBytes,
  totalBytes,
}: {
  readonly receivedBytes: number
  readonly totalBytes: number
}): string {
  const ratio = totalBytes > 0 ? Math.min(1, receivedBytes / totalBytes) : 0
  const filled = Math.round(ratio * WIDTH)
  const percent = String(Math.floor(ratio * 100)).padStart(3)
  return `[${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}] ${percent} %  ${formatBytes(receivedBytes)} of ${formatBytes(totalBytes)}`
}
