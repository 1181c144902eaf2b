/** Fields of a reply that somebody else wrote: each is looked at when it is used, and what has another type is not there. */
export type Foreign = Readonly<Record<string, unknown>>

export function objectOf(value: unknown): Foreign {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Foreign) : {}
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : []
}

/** `undefined` also for an empty text. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** A finite number of 0 or more. */
export function countOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined
}
