import { setTimeout } from 'node:timers/promises'
import type { Daemon } from '../test/support/daemon.ts'
import { ask, question } from '../test/support/resume-question.ts'
import { median, type Report, spread } from './report.ts'

const ROUNDS = 3
/** What a save may cost who waits for it: 50 ms, and 1 GB/s. */
const MOST_MS = 50
const BYTES_PER_MS = 1_000_000
const SAVED_DEADLINE_MS = 20_000
const POLL_MS = 100

export interface SaveDelayOptions {
  readonly report: Report
  readonly daemon: Daemon
  readonly model: string
  /** Of the long conversation, about. */
  readonly tokens: number
  /** Which of the questions it begins with. */
  readonly run: number
  /** So many more are read between two rounds, of which the engine thinks that they are worth a file. */
  readonly grownTokens: number
}

/**
 * What a question waits because the slot holds a long conversation that no file has: another one displaces it at once, and again after it was
 * saved. Each time the long one has grown before, so that there is something to save; the short ones are not worth a file.
 */
export async function measureSaveDelay(options: SaveDelayOptions): Promise<void> {
  const { report, daemon, model, tokens } = options
  const metric = `resume.save_delay_ms.${tokens}`
  const waiting: number[] = []
  const free: number[] = []
  let bytes = 0
  await daemon.client.load(model)
  for (let round = 0; round < ROUNDS; round++) {
    const sinceMs = Date.now()
    const unsaved = await ask(daemon.url, model, grown(options, 2 * round))
    waiting.push(await displace(daemon, model, 2 * round))
    const displacedBytes = await savedBytes(daemon, unsaved.promptTokens, sinceMs)
    const saved = await ask(daemon.url, model, grown(options, 2 * round + 1))
    if (displacedBytes === undefined || (await savedBytes(daemon, saved.promptTokens, sinceMs)) === undefined) {
      const note = `a conversation of ${saved.promptTokens} tokens was not saved within ${SAVED_DEADLINE_MS} ms`
      return report.add({ metric, value: null, unit: 'ms', note })
    }
    bytes = Math.max(bytes, displacedBytes)
    free.push(await displace(daemon, model, 2 * round + 1))
  }
  const delayMs = Math.max(0, median(waiting) - median(free))
  const mostMs = MOST_MS + bytes / BYTES_PER_MS
  const note =
    `first token of another conversation: ${median(waiting).toFixed(1)} ms (${spread(waiting)}) where it waits for a save of ${bytes} bytes, ` +
    `${median(free).toFixed(1)} (${spread(free)}) where that was over; aim ≤ ${mostMs.toFixed(0)} ms: ${delayMs <= mostMs ? 'met' : 'missed'}`
  report.add({ metric, value: delayMs, unit: 'ms', note })
}

function grown({ tokens, run, grownTokens }: SaveDelayOptions, times: number): string {
  const more = Array.from({ length: times + 1 }, (_, part) => question(grownTokens, 100 * run + part))
  return [question(tokens, run), ...more].join(' ')
}

async function displace(daemon: Daemon, model: string, place: number): Promise<number> {
  const names = ['Norway', 'Peru', 'Kenya', 'Japan', 'Chile', 'Nepal']
  const { firstTextMs } = await ask(daemon.url, model, `What is the capital of ${names[place]}?`)
  return firstTextMs
}

/** Waits until a state of so many tokens is kept that was not there before; `undefined` = it never was. */
async function savedBytes(daemon: Daemon, tokens: number, sinceMs: number): Promise<number | undefined> {
  const deadline = performance.now() + SAVED_DEADLINE_MS
  while (performance.now() < deadline) {
    const { entries } = await daemon.client.cacheEntries()
    const entry = entries.find((each) => each.createdAtMs >= sinceMs && each.tokens >= tokens)
    await setTimeout(POLL_MS)
    if (entry) return entry.bytes
  }
  return undefined
}
