import { z } from 'zod'
import type { AccessKey, AccessKeys } from '../spec/access-keys.ts'
import { group, idleMs, wholeNumber } from './value-schemas.ts'

const MAX_KEYS = 1_000
const MAX_NAME_CHARACTERS = 100

const NAME_ALLOWED = `a name of letters, digits and . _ - @, at most ${MAX_NAME_CHARACTERS}`
const NAME = /^[\p{L}\p{N}][\p{L}\p{N}._@-]*$/u
const name = z
  .string({ error: NAME_ALLOWED })
  .max(MAX_NAME_CHARACTERS, { error: NAME_ALLOWED })
  .regex(NAME, { error: NAME_ALLOWED })

const DIGEST_ALLOWED = 'a SHA-256 digest: 64 hexadecimal digits'

/** The digest of a key. */
export const keyDigest: z.ZodType<string, string> = z
  .string({ error: DIGEST_ALLOWED })
  .regex(/^[0-9a-f]{64}$/i, { error: DIGEST_ALLOWED })
  .toLowerCase()

const key = group(
  {
    sha256: keyDigest.describe('SHA-256 of the key, as `grym keys new` prints it. The key itself stands nowhere.'),
    keepAlive: idleMs
      .optional()
      .describe('Idle time of models after requests of this key that say none: `5m`, ms; 0 = at once, -1 = no timer.'),
    priority: wholeNumber(-10, 10).optional().describe('Of requests of this key that say none; higher ones go first.'),
  },
  'settings of a key',
).transform(({ sha256, keepAlive, priority }): AccessKey => ({
  digest: sha256,
  ...(keepAlive !== undefined && { keepAliveMs: keepAlive === Infinity ? null : keepAlive }),
  ...(priority !== undefined && { priority }),
}))

/** `keys`, as it is written and as it is used. */
export const accessKeys: z.ZodType<AccessKeys, Readonly<Record<string, unknown>>> = z
  .record(name, key, { error: 'a group of keys by name' })
  .refine((keys) => Object.keys(keys).length <= MAX_KEYS, { error: `at most ${MAX_KEYS} keys` })
  .refine((keys) => new Set(Object.values(keys).map(({ digest }) => digest)).size === Object.keys(keys).length, {
    error: 'keys of which no two have the same digest',
  })
  .transform((keys): AccessKeys => Object.assign(Object.create(null) as object, keys) as AccessKeys)

/** Whether a key may be called so. */
export function isKeyName(written: string): boolean {
  return name.safeParse(written).success
}
