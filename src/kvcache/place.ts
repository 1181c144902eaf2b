/** What is promised to a state on its way. */
export interface Place {
  bytes: number
  /** It keeps to the write budget. */
  readonly isBound: boolean
}

/** What these take together. */
export function sumOf(parts: Iterable<{ readonly bytes: number }>): number {
  return [...parts].reduce((sumBytes, { bytes }) => sumBytes + bytes, 0)
}
