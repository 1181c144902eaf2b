import type { IncomingHttpHeaders } from 'node:http'
import { z } from 'zod'
import { resourceError } from '../spec/errors.ts'
import type { ModelWish } from '../spec/model-wish.ts'
import { parseDurationMs } from '../spec/units.ts'
import { invalid } from './check-body.ts'

/** Longest stay that a client may name; what is longer has no timer. */
const LONGEST_STAY_MS = 365 * 86_400_000
const MOST_PRIORITY = 10

/** Fields of a body, in every dialect, that say how a model is to be kept. */
export interface WishFields {
  readonly keep_alive?: unknown
  readonly ttl?: number | null | undefined
  readonly pin?: boolean | null | undefined
  readonly priority?: number | null | undefined
}

const priorityWords = `must be a whole number from -${MOST_PRIORITY} to ${MOST_PRIORITY}`

/** {@link WishFields} to be checked. */
export const wishFields: { readonly [Name in keyof WishFields]-?: z.ZodType<WishFields[Name]> } = {
  keep_alive: z.unknown().optional(),
  ttl: z.number({ error: 'must be a number of seconds' }).nullish(),
  pin: z.boolean({ error: 'must be true or false' }).nullish(),
  priority: z
    .number({ error: priorityWords })
    .int(priorityWords)
    .min(-MOST_PRIORITY, priorityWords)
    .max(MOST_PRIORITY, priorityWords)
    .nullish(),
}

/**
 * How a request wants its model kept: what the body says, else the headers, else what is set for its key. `keep_alive` is
 * Ollama's (0 = unload at once, negative = no timer, a number = seconds); `ttl` is LM Studio's and llama-swap's: seconds,
 * and 0 = no timer. Where both are given `keep_alive` counts. Throws `invalid-request`.
 */
export function requestWish(
  fields: WishFields,
  headers: IncomingHttpHeaders,
  keyDefaults: ModelWish = {},
): ModelWish | undefined {
  const header = headers['x-grym-keep-alive']
  const stays = [
    readKeepAlive(fields.keep_alive, 'keep_alive'),
    readTtl(fields.ttl),
    typeof header === 'string' ? readKeepAlive(header.trim(), 'X-Grym-Keep-Alive') : undefined,
    keyDefaults.keepAliveMs,
  ]
  const keepAliveMs = stays.find((stay) => stay !== undefined)
  const priority = fields.priority ?? readPriority(headers['x-grym-priority']) ?? keyDefaults.priority
  const pinned = fields.pin ?? undefined
  if (keepAliveMs === undefined && priority === undefined && pinned === undefined) return undefined
  return {
    ...(keepAliveMs !== undefined && { keepAliveMs }),
    ...(priority !== undefined && { priority }),
    ...(pinned !== undefined && { pinned }),
  }
}

/** `undefined` = nothing is said, `null` = no timer, else ms. */
function readKeepAlive(value: unknown, param: string): number | null | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'number' && Number.isFinite(value)) return value < 0 ? null : limited(value * 1_000)
  if (typeof value !== 'string') {
    throw invalid(`${param} must be a duration such as "5m", a number of seconds, 0, or -1 for no timer.`, param)
  }
  try {
    return limited(parseDurationMs(value))
  } catch (error) {
    throw resourceError('invalid-request', `${param}: ${(error as Error).message}`, { details: { param } })
  }
}

function readTtl(seconds: number | null | undefined): number | null | undefined {
  if (seconds == null) return undefined
  return seconds <= 0 ? null : limited(seconds * 1_000)
}

function limited(stayMs: number): number | null {
  return stayMs > LONGEST_STAY_MS ? null : Math.round(stayMs)
}

function readPriority(header: string | string[] | undefined): number | undefined {
  if (header === undefined) return undefined
  const priority = typeof header === 'string' && header.trim() !== '' ? Number(header) : NaN
  if (Number.isInteger(priority) && Math.abs(priority) <= MOST_PRIORITY) return priority
  throw invalid(`X-Grym-Priority ${priorityWords}.`, 'X-Grym-Priority')
}
