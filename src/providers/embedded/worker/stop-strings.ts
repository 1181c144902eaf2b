/**
 * Finds stop strings in text that comes in pieces. Text that may still become a stop string is held back; everything
 * before it can be sent.
 */
export class StopStrings {
  readonly #stops: readonly string[]
  #held = ''

  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop.length > 0)
  }

  /** Returns the text that may be sent now, and the stop string that was reached, whose own text is never sent. */
  push(text: string): { readonly text: string; readonly reached: string | undefined } {
    const all = this.#held + text
    const [first] = this.#stops
      .map((stop) => ({ stop, index: all.indexOf(stop) }))
      .filter(({ index }) => index !== -1)
      .sort((one, other) => one.index - other.index)
    if (first) {
      this.#held = ''
      return { text: all.slice(0, first.index), reached: first.stop }
    }
    const heldLength = Math.max(0, ...this.#stops.map((stop) => startedLength(all, stop)))
    this.#held = all.slice(all.length - heldLength)
    return { text: all.slice(0, all.length - heldLength), reached: undefined }
  }

  /** The generation is over: what was held back was no stop string. */
  rest(): string {
    const held = this.#held
    this.#held = ''
    return held
  }
}

/** Length of the longest end of `text` that is a beginning of `stop`. */
export function startedLength(text: string, stop: string): number {
  for (let length = Math.min(stop.length - 1, text.length); length > 0; length--) {
    if (text.endsWith(stop.slice(0, length))) return length
  }
  return 0
}
