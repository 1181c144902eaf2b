import type { OwnerId } from './owner-id.ts'

/** A key that lets its holder in, and how models are kept for requests of it that say nothing of that. */
export interface AccessKey {
  /** SHA-256 of the key, 64 lower-case hexadecimal digits: what owns its conversations, too. The key itself is kept nowhere. */
  readonly digest: OwnerId
  /** Idle time until a model is unloaded, ms; 0 = as soon as nothing is served, `null` = no timer. Absent = its model's. */
  readonly keepAliveMs?: number | null
  /** −10 to 10. Absent = its model's. */
  readonly priority?: number
}

/** By the name a person gave it; an object without prototype. */
export type AccessKeys = Readonly<Record<string, AccessKey>>
