/** Shares of the last 10 s in which tasks stalled, percent. */
export interface StallPercent {
  /** At least one task waited. */
  readonly some: number
  /** All tasks waited. */
  readonly full: number
}

/** Reads a pressure file such as `/proc/pressure/memory` (kernel: Documentation/accounting/psi.rst). */
export function parsePsi(text: string): StallPercent {
  const read = (kind: string): number => {
    const match = new RegExp(`^${kind}\\s+avg10=(\\d+(?:\\.\\d+)?)`, 'm').exec(text)
    return match ? Number(match[1]) : 0
  }
  return { some: read('some'), full: read('full') }
}
