/** The keys of a GGUF header, read laxly: what is missing or of another type is `undefined`. */
export class HeaderValues {
  readonly #values: Readonly<Record<string, unknown>>
  readonly #prefix: string

  /** @param architecture in front of the keys that {@link own}, {@link number} and {@link perBlock} look for. */
  constructor(values: Readonly<Record<string, unknown>>, architecture: string) {
    this.#values = values
    this.#prefix = `${architecture}.`
  }

  /** The value of a key of the architecture. */
  own(key: string): unknown {
    return this.#values[this.#prefix + key]
  }

  number(key: string): number | undefined {
    return numberOf(this.own(key))
  }

  /** A number that is one for all blocks, or has a list with one for each. */
  perBlock(key: string, block: number): number | undefined {
    const value = this.own(key)
    return numberOf(Array.isArray(value) ? value[block] : value)
  }

  /** The numbers or flags of a list, as numbers; `undefined` when the key has no list. */
  list(key: string): readonly number[] | undefined {
    const value = this.own(key)
    return Array.isArray(value) ? value.map(Number) : undefined
  }

  /** Whether the architecture has a key that begins like this. */
  hasAny(beginning: string): boolean {
    return Object.keys(this.#values).some((key) => key.startsWith(this.#prefix + beginning))
  }
}

export function numberOf(value: unknown): number | undefined {
  if (typeof value === 'bigint') return Number(value)
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}
