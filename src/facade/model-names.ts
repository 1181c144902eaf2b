/** Names remembered; a program that makes up ever new ones must not fill the memory. */
const MAX_NAMES = 1_000

/**
 * The names by which a caller asked for models: an alias leads to a model of another name, and the caller goes on
 * looking for the name that it knows.
 */
export class ModelNames {
  readonly #names = new Map<string, string[]>()

  /** The caller calls this model so. */
  note(name: string, modelId: string): void {
    const names = (this.#names.get(modelId) ?? []).filter((other) => other !== name)
    this.#names.set(modelId, [...names, name].slice(-MAX_NAMES))
    if (this.#names.size > MAX_NAMES) this.#names.delete(this.#names.keys().next().value ?? '')
  }

  /** The name that was used last. */
  of(modelId: string): string {
    return this.#names.get(modelId)?.at(-1) ?? modelId
  }

  /** Every name that was used, in order. */
  allOf(modelId: string): readonly string[] {
    return this.#names.get(modelId) ?? [modelId]
  }
}
