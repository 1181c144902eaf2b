const HOUR_MS = 3_600_000
/** What is written within one of these counts from its last write on. */
const MINUTE_MS = 60_000

/** Bytes that were written within one minute, the last of them at this time. */
export interface Written {
  readonly atMs: number
  readonly bytes: number
}

/** Bytes written within the last hour: disks wear out by what is written to them, over restarts, too. */
export class WriteBudget {
  #written: readonly Written[]

  /** @param before see {@link written}. */
  constructor(before: readonly Written[] = []) {
    this.#written = before
  }

  /** For whoever goes on with it; at most one for each minute of the last hour. */
  get written(): readonly Written[] {
    return this.#written
  }

  note(bytes: number, atMs: number): void {
    const last = this.#written.at(-1)
    const isSameMinute = last && Math.floor(last.atMs / MINUTE_MS) === Math.floor(atMs / MINUTE_MS)
    const earlier = isSameMinute ? this.#written.slice(0, -1) : this.#written
    this.#written = [...within(earlier, atMs), { atMs, bytes: bytes + (isSameMinute ? last.bytes : 0) }]
  }

  lastHourBytes(nowMs: number): number {
    this.#written = within(this.#written, nowMs)
    return this.#written.reduce((sumBytes, { bytes }) => sumBytes + bytes, 0)
  }

  /** @param promisedBytes of saves on their way that keep to it, too. */
  allows(bytes: number, promisedBytes: number, mostBytes: number, nowMs: number): boolean {
    return this.lastHourBytes(nowMs) + promisedBytes + bytes <= mostBytes
  }
}

/** Of the last hour; a time in the future (the clock was set back) counts as now. */
function within(written: readonly Written[], nowMs: number): Written[] {
  return written
    .map(({ atMs, bytes }) => ({ atMs: Math.min(atMs, nowMs), bytes }))
    .filter(({ atMs }) => atMs > nowMs - HOUR_MS)
}
