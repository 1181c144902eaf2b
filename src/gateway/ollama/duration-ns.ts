const NS_PER_MS = 1_000_000

/** A duration as Ollama's API has them: whole nanoseconds. */
export function durationNs(durationMs: number): number {
  return Math.round(durationMs * NS_PER_MS)
}

/** Ollama leaves out counts and times that are 0 (`omitempty`), and so says nothing of what is not known. */
export function withoutZeros(figures: Readonly<Record<string, number>>): object {
  return Object.fromEntries(Object.entries(figures).filter(([, value]) => value !== 0))
}
