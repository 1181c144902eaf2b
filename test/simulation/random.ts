/** A seeded source of chance (mulberry32). Same seed, same numbers. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** In [0, 1). */
  ratio(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  integer(from: number, to: number): number {
    return from + Math.floor(this.ratio() * (to - from + 1))
  }

  /**
   * A time in ms that is a multiple of 2^-10: sums and differences of such times are exact, and two of them are hardly
   * ever equal, so the order of events never hangs on rounding or on a tie.
   */
  timeMs(fromMs: number, toMs: number): number {
    return fromMs + Math.floor(this.ratio() * (toMs - fromMs) * 1024) / 1024
  }

  chance(probability: number): boolean {
    return this.ratio() < probability
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[Math.floor(this.ratio() * items.length)]
    if (item === undefined) throw new Error('pick from an empty list')
    return item
  }
}

/** A source for one named thing: its fate does not depend on what else was drawn before. */
export function randomOf(seed: number, ...names: readonly (string | number)[]): Random {
  let hash = seed ^ 0x811c9dc5
  for (const character of names.join('/')) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193)
  return new Random(hash)
}
