/** Names remembered; a program that makes up ever new ones must not fill the memory. */
const MAX_NAMES = 1_000

/**
 * The names by which a caller asked for models: an alias leads to a model of another name, and the caller goes on
 * looking for the name that it knows.
 */
export class ModelNames {
  /** Models by name; the name that was used last stands last. */
  readonly #models = new Map<string, string>()

  /** The caller calls this model so. */
  note(name: string, modelId: string): void {
    this.#models.delete(name)
    this.#models.set(name, modelId)
    if (this.#models.size > MAX_NAMES) this.#models.delete(this.#models.keys().next().value ?? '')
  }

  /** The name that was used last. */
  of(modelId: string): string {
    return this.allOf(modelId).at(-1) ?? modelId
  }

  /** Every name that was used, in order. */
  allOf(modelId: string): readonly string[] {
    const names = [...this.#models].filter(([, model]) => model === modelId).map(([name]) => name)
    return names.length > 0 ? names : [modelId]
  }
}
