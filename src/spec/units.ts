import { ResourceError } from './errors.ts'

const BYTE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  t: 1024 ** 4,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  tib: 1024 ** 4,
}

const DURATION_UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/**
 * Reads a byte count as people write it: `6GiB`, `500 MB`, `1048576`.
 * `GB` is 10^9, `GiB` and `G` are 2^30. Returns integer bytes.
 * Throws `ResourceError` (`invalid-request`) on anything else.
 */
export function parseBytes(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text)
  const unitBytes = match ? BYTE_UNITS[(match[2] ?? '').toLowerCase()] : undefined
  if (!match || unitBytes === undefined) {
    throw new ResourceError('SYSTEM_ERROR', `'${text}' is not a size. Write for example 6GiB, 500MB or 1048576.`, {
      reason: 'invalid-request',
    })
  }
  return Math.round(Number(match[1]) * unitBytes)
}

/**
 * Reads a duration as people write it: `5m`, `1h30m`, `250ms`, or a bare number of seconds (Ollama's form).
 * A negative number means "no limit" and returns `Infinity`. Returns milliseconds.
 * Throws `ResourceError` (`invalid-request`) on anything else.
 */
export function parseDurationMs(text: string): number {
  const trimmed = text.trim()
  if (/^-\d+(?:\.\d+)?(?:ms|s|m|h|d)?$/.test(trimmed)) return Infinity
  if (/^\d+(?:\.\d+)?$/.test(trimmed)) return Number(trimmed) * 1_000
  const parts = [...trimmed.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)]
  if (parts.length === 0 || parts.map((part) => part[0]).join('') !== trimmed) {
    throw new ResourceError('SYSTEM_ERROR', `'${text}' is not a duration. Write for example 5m, 90s, 1h30m or -1.`, {
      reason: 'invalid-request',
    })
  }
  return parts.reduce((sumMs, part) => sumMs + Number(part[1]) * (DURATION_UNITS_MS[part[2] ?? 's'] ?? 1_000), 0)
}

/** `98.4 MB`, `1.2 GB`: decimal, one digit after the point, for people. */
export function formatBytes(bytes: number): string {
  const sign = bytes < 0 ? '-' : ''
  let value = Math.abs(bytes)
  for (const unit of ['B', 'kB', 'MB', 'GB']) {
    if (value < 1_000) return `${sign}${unit === 'B' ? value : value.toFixed(1)} ${unit}`
    value /= 1_000
  }
  return `${sign}${value.toFixed(1)} TB`
}

/** `250ms`, `4.2s`, `5m 3s`, `2h 10m`, `forever`: for people. */
export function formatDuration(durationMs: number): string {
  if (!Number.isFinite(durationMs)) return 'forever'
  if (durationMs < 1_000) return `${Math.round(durationMs)}ms`
  if (durationMs < 60_000) return `${(durationMs / 1_000).toFixed(1)}s`
  const totalSeconds = Math.round(durationMs / 1_000)
  const hours = Math.floor(totalSeconds / 3_600)
  const minutes = Math.floor((totalSeconds % 3_600) / 60)
  return hours > 0 ? `${hours}h ${minutes}m` : `${minutes}m ${totalSeconds % 60}s`
}
