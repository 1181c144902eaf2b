const HOUR_MS = 3_600_000

/** Bytes written within the last hour: disks wear out by what is written to them. */
export class WriteBudget {
  #written: { readonly atMs: number; readonly bytes: number }[] = []

  note(bytes: number, atMs: number): void {
    this.#written.push({ atMs, bytes })
  }

  lastHourBytes(nowMs: number): number {
    this.#written = this.#written.filter(({ atMs }) => atMs > nowMs - HOUR_MS)
    return this.#written.reduce((sumBytes, { bytes }) => sumBytes + bytes, 0)
  }

  allows(bytes: number, mostBytes: number, nowMs: number): boolean {
    return this.lastHourBytes(nowMs) + bytes <= mostBytes
  }
}
