export type Unit = 'ms' | 's' | 'percent' | 'ratio' | 'bytes' | 'count' | 'per_s'

export interface Measurement {
  readonly metric: string
  /** `null` when it could not be measured; the note says why. */
  readonly value: number | null
  readonly unit: Unit
  readonly note: string
}

/** Prints measurements as they come: JSON lines with `--json`, else one readable line each. */
export class Report {
  readonly #isJson = process.argv.includes('--json')

  add(measurement: Measurement): void {
    if (this.#isJson) return void process.stdout.write(`${JSON.stringify(measurement)}\n`)
    const { metric, value, unit, note } = measurement
    process.stdout.write(`${metric.padEnd(42)} ${value === null ? '–' : format(value)} ${unit}  ${note}\n`)
  }
}

/** The middle value; of an even number of values the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]]
  if (low === undefined || high === undefined) throw new Error('the median of nothing')
  return (low + high) / 2
}

/** `lowest–highest of n`, for a note. */
export function spread(values: readonly number[]): string {
  return `${format(Math.min(...values))}–${format(Math.max(...values))}, n=${values.length}`
}

/** Wall time of some work, ms. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAtMs = performance.now()
  await work()
  return performance.now() - startedAtMs
}

function format(value: number): string {
  if (Math.abs(value) >= 1_000) return Math.round(value).toLocaleString('en-US')
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 3)
}
