import { type ResourceError, resourceError } from './errors.ts'

// Maps, not objects: `5 constructor` must not find what every object inherits.
const BYTE_UNITS: ReadonlyMap<string, number> = new Map(
  Object.entries({
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
  }),
)

const DURATION_UNITS_MS: ReadonlyMap<string, number> = new Map(
  Object.entries({
    ms: 1,
    s: 1_000,
    m: 60_000,
    h: 3_600_000,
    d: 86_400_000,
  }),
)

/**
 * Reads a byte count as people write it: `6GiB`, `500 MB`, `1048576`.
 * `GB` is 10^9, `GiB` and `G` are 2^30. Returns integer bytes.
 * Throws `ResourceError` (`invalid-request`) on anything else.
 */
export function parseBytes(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text)
  const unitBytes = BYTE_UNITS.get((match?.[2] ?? '').toLowerCase())
  const bytes = Math.round(Number(match?.[1]) * (unitBytes ?? NaN))
  if (!Number.isSafeInteger(bytes)) throw refused(text, 'size', '6GiB, 500MB or 1048576')
  return bytes
}

/**
 * Reads a duration as people write it: `5m`, `1h30m`, `250ms`, or a bare number of seconds (Ollama's form).
 * A negative number means "no limit" and returns `Infinity`. Returns integer milliseconds.
 * Throws `ResourceError` (`invalid-request`) on anything else.
 */
export function parseDurationMs(text: string): number {
  const trimmed = text.trim()
  if (/^-\d+(?:\.\d+)?(?:ms|s|m|h|d)?$/.test(trimmed)) return Infinity
  const written = /^\d+(?:\.\d+)?$/.test(trimmed) ? `${trimmed}s` : trimmed
  const parts = [...written.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)]
  const isWhole = parts.length > 0 && parts.map((part) => part[0]).join('') === written
  const sum = parts.reduce((sumMs, part) => sumMs + Number(part[1]) * (DURATION_UNITS_MS.get(part[2] ?? '') ?? NaN), 0)
  const durationMs = Math.round(sum)
  if (!isWhole || !Number.isSafeInteger(durationMs)) throw refused(text, 'duration', '5m, 90s, 1h30m or -1')
  return durationMs
}

function refused(text: string, what: string, examples: string): ResourceError {
  return resourceError('invalid-request', `'${text}' is not a ${what}. Write for example ${examples}.`)
}

/** `98.4 MB`, `1.2 GB`: decimal, one digit after the point, for people. */
export function formatBytes(bytes: number): string {
  const sign = bytes < 0 ? '-' : ''
  let value = Math.round(Math.abs(bytes))
  for (const unit of ['B', 'kB', 'MB', 'GB']) {
    const written = unit === 'B' ? String(value) : value.toFixed(1)
    if (Number(written) < 1_000) return `${sign}${written} ${unit}`
    value /= 1_000
  }
  return `${sign}${value.toFixed(1)} TB`
}

/** `250ms`, `4.2s`, `5m 3s`, `2h 10m`, `forever`: for people. */
export function formatDuration(durationMs: number): string {
  if (!Number.isFinite(durationMs)) return 'forever'
  if (Math.round(durationMs) < 1_000) return `${Math.round(durationMs)}ms`
  const seconds = (durationMs / 1_000).toFixed(1)
  if (Number(seconds) < 60) return `${seconds}s`
  const totalSeconds = Math.round(durationMs / 1_000)
  const hours = Math.floor(totalSeconds / 3_600)
  const minutes = Math.floor((totalSeconds % 3_600) / 60)
  return hours > 0 ? `${hours}h ${minutes}m` : `${minutes}m ${totalSeconds % 60}s`
}
