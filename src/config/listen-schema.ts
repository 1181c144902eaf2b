import { z } from 'zod'
import { isListenAddress } from './listen-address.ts'
import { socketPathOf } from './listeners.ts'
import { text } from './value-schemas.ts'

const MAX_LISTENERS = 16

const ADDRESS_ALLOWED = 'an address: 127.0.0.1, 127.0.0.1:11500 or http://127.0.0.1:11500'
const LIST_ALLOWED = `${ADDRESS_ALLOWED}; or a list of up to ${MAX_LISTENERS}, in which unix:/path may follow the first`

const address = text().refine(isListenAddress, { error: ADDRESS_ALLOWED })
const further = text().refine((written) => isListenAddress(written) || Boolean(socketPathOf(written)), {
  error: LIST_ALLOWED,
})

/** `listen`: one address, or a list that begins with one. */
export const listenAddresses: z.ZodType<string | string[], string | string[]> = z.union(
  [
    address,
    z
      .array(further, { error: LIST_ALLOWED })
      .min(1, { error: LIST_ALLOWED })
      .max(MAX_LISTENERS, { error: LIST_ALLOWED })
      // Clients of the same state folder find the first one, and they speak HTTP over TCP.
      .refine(([first = '']) => isListenAddress(first), { error: `${LIST_ALLOWED}; the first is no socket` }),
  ],
  { error: LIST_ALLOWED },
)
