import { InvalidArgumentError } from 'commander'
import { ResourceError } from '../spec/errors.ts'
import type { ModelWish } from '../spec/model-wish.ts'
import { parseDurationMs } from '../spec/units.ts'

/** `--keepalive`, where a verb has it. */
export interface KeepAliveOption {
  /** Idle time until the model is unloaded, ms; `Infinity` = no timer. */
  readonly keepalive?: number
}

export const KEEP_ALIVE_FLAG = '--keepalive <duration>'
export const KEEP_ALIVE_HELP = 'unload it when idle for so long: 5m, 0 = at once, -1 = no timer'

/** Reads the flag; refused in commander's way. */
export function parseKeepAlive(text: string): number {
  try {
    return parseDurationMs(text)
  } catch (error) {
    if (!(error instanceof ResourceError)) throw error
    throw new InvalidArgumentError(error.message)
  }
}

export function keepAliveWish({ keepalive }: KeepAliveOption): ModelWish | undefined {
  if (keepalive === undefined) return undefined
  return { keepAliveMs: keepalive === Infinity ? null : keepalive }
}
