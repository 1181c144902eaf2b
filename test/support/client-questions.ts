import { setTimeout as delay } from 'node:timers/promises'
import type { Daemon } from './daemon.ts'

/*
 * What clients of every API are asked to ask: short, since the model runs on the cores of the tests, and in forms that a
 * model of 135 million parameters is held to.
 */

/** With it or without, {@link CAPITAL} is answered with `Paris` when nothing is left to chance. */
export const SYSTEM = 'You are a helpful assistant.'

export const CAPITAL = 'Name the capital of France.'

/** Makes an answer that takes longer than anybody who wants to leave it needs. */
export const LONG_TALE = 'Write a long story about a king.'

/** More than the 8,192 tokens that the model takes. */
export const OVERLONG: string = 'word '.repeat(9_000)

/** Far less than the long tale takes. */
const IDLE_DEADLINE_MS = 5_000

/** The parameters of a tool and, as well, the form of an answer. */
export const WEATHER_SCHEMA: {
  readonly type: 'object'
  readonly properties: Readonly<Record<'city' | 'unit', object>>
  readonly required: string[]
  readonly additionalProperties: false
} = {
  type: 'object',
  properties: { city: { type: 'string', maxLength: 12 }, unit: { type: 'string', enum: ['C', 'F'] } },
  required: ['city', 'unit'],
  additionalProperties: false,
}

/** What {@link WEATHER_SCHEMA} allows and nothing else. Throws for a text that is no JSON. */
export function isWeather(value: unknown): boolean {
  const said = (typeof value === 'string' ? JSON.parse(value) : value) as Record<string, unknown>
  return (
    Object.keys(said).join() === 'city,unit' &&
    typeof said['city'] === 'string' &&
    said['city'].length <= 12 &&
    (said['unit'] === 'C' || said['unit'] === 'F')
  )
}

/** What the tool says. */
export const WEATHER_RESULT = '{"weather": "sunny", "degrees": 21}'

/** Whether no request is served or waits any more, within {@link IDLE_DEADLINE_MS}. */
export async function isIdleSoon(daemon: Daemon): Promise<boolean> {
  for (const startedAtMs = performance.now(); performance.now() - startedAtMs < IDLE_DEADLINE_MS; await delay(25)) {
    const { queue, models } = await daemon.client.status()
    const active = models.reduce((sum, { activeRequests }) => sum + activeRequests, 0)
    if (queue.running + queue.waiting + active === 0) return true
  }
  return false
}

/** What a promise rejects with; `undefined` when it resolves. */
export async function rejectionOf(promise: PromiseLike<unknown>): Promise<unknown> {
  try {
    await promise
    return undefined
  } catch (error) {
    return error
  }
}
