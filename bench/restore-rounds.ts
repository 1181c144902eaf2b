import { readdir, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Daemon } from '../test/support/daemon.ts'
import { ask, question, type Resumed } from '../test/support/resume-question.ts'
import type { BareEngine, BareRestored } from './bare-engine.ts'
import { median, type Report, spread, type Unit } from './report.ts'

/** After an answer grym makes a spare process ready, which is not to be measured with what comes next. */
const SETTLE_MS = 1_500
/** What grym's own part may be over the engine's, percent. */
const AIM_PERCENT = 20
/** What full verification may take beside that: 1 GB/s. */
const VERIFIED_BYTES_PER_MS = 1_000_000

export interface RestoreRoundsOptions {
  readonly report: Report
  readonly daemon: Daemon
  readonly model: string
  readonly bare: BareEngine
  /** As notes call it. */
  readonly engine: string
  /** Of the question, about. */
  readonly tokens: number
  /** Which of the questions. */
  readonly run: number
  readonly rounds: number
}

const METRICS: readonly (readonly [name: string, unit: Unit])[] = [
  ['prefill_ms', 'ms'],
  ['restore_ms', 'ms'],
  ['speedup', 'ratio'],
  ['bare_restore_ms', 'ms'],
  ['restore_call_ms', 'ms'],
  ['own_part_restore_percent', 'percent'],
  ['bare_first_token_ms', 'ms'],
  ['own_part_percent', 'percent'],
  ['restore_full_verification_ms', 'ms'],
  ['own_part_full_verification_percent', 'percent'],
]

/** Everything that {@link measureRestores} would have said. */
export function restoresMissing(report: Report, tokens: number, note: string): void {
  for (const [name, unit] of METRICS) report.add({ metric: `resume.${name}.${tokens}`, value: null, unit, note })
}

/**
 * The first token of a conversation whose model was unloaded: read again, restored by grym, restored by the engine without grym, and restored by
 * grym with all of the file verified (its times are changed, as after a restart). All but the first in turns; each begins with a fresh load.
 */
export async function measureRestores(options: RestoreRoundsOptions): Promise<void> {
  const { report, daemon, model, bare, engine, tokens, run, rounds } = options
  const content = question(tokens, run)
  const afterLoad = async (): Promise<Resumed> => {
    await setTimeout(SETTLE_MS)
    await daemon.client.unload(model)
    await daemon.client.load(model)
    return ask(daemon.url, model, content)
  }
  const prefill = await afterLoad()
  await setTimeout(SETTLE_MS)
  const state = await bare.save(content)
  if (state.promptTokens !== prefill.promptTokens) {
    throw new Error(`grym's prompt has ${prefill.promptTokens} tokens, that without it ${state.promptTokens}`)
  }
  const verified: Resumed[] = []
  const full: Resumed[] = []
  const without: BareRestored[] = []
  for (let round = 0; round < rounds; round++) {
    verified.push(await afterLoad())
    await setTimeout(SETTLE_MS)
    without.push(await state.restore())
    await touch(entriesOf(daemon))
    full.push(await afterLoad())
  }
  // Right after a load nothing but the disk has them.
  const isRestored = [...verified, ...full].every(({ cachedTokens, promptTokens }) => cachedTokens > promptTokens / 2)
  const wrong = told(verified, full)
  if (!isRestored || wrong !== undefined) return restoresMissing(report, tokens, wrong ?? 'nothing was restored')
  const said = verified[0]?.text ?? ''
  // It read the prompt in other pieces, and rounds differently: its times are as good.
  const other = without.some(({ text }) => !said.startsWith(text)) ? '; it goes on with other words' : ''
  const add = (name: string, value: number, note: string): void => {
    const [, unit = 'ms'] = METRICS.find(([known]) => known === name) ?? []
    report.add({ metric: `resume.${name}.${tokens}`, value, unit, note })
  }
  const bytes = await bytesOf(daemon, prefill.promptTokens)
  const firstMs = verified.map(({ firstTextMs }) => firstTextMs)
  const fullMs = full.map(({ firstTextMs }) => firstTextMs)
  const callMs = verified.map(({ restoreMs }) => restoreMs)
  const bareCallMs = without.map(({ restoreMs }) => restoreMs)
  const bareFirstMs = without.map(({ firstTokenMs }) => firstTokenMs)
  const prompt = `${engine}, ${prefill.promptTokens} prompt tokens`
  const counts = verified.map(({ restoredTokens }) => restoredTokens).join(', ')
  add('prefill_ms', prefill.firstTextMs, `${prompt}, all read`)
  add(
    'restore_ms',
    median(firstMs),
    `${prompt}; restored: ${counts}; ${spread(firstMs)}; ${bytes} bytes on disk; the same text each time`,
  )
  add('speedup', prefill.firstTextMs / median(firstMs), 'first token after the load: read ÷ restored')
  add(
    'bare_restore_ms',
    median(bareCallMs),
    `the engine's own call without grym, in turns with it; ${spread(bareCallMs)}${other}`,
  )
  add('restore_call_ms', median(callMs), `by grym's receipt: search, verify, load; ${spread(callMs)}`)
  const callPercent = over(median(callMs), median(bareCallMs))
  add('own_part_restore_percent', callPercent, `of the call; ${aim(callPercent, AIM_PERCENT)}`)
  add('bare_first_token_ms', median(bareFirstMs), `first token by the engine without grym; ${spread(bareFirstMs)}`)
  const percent = over(median(firstMs), median(bareFirstMs))
  const ownMs = median(firstMs) - median(bareFirstMs)
  add(
    'own_part_percent',
    percent,
    `${ownMs.toFixed(1)} ms through the front door, its file verified before; ${aim(percent, AIM_PERCENT)}`,
  )
  add('restore_full_verification_ms', median(fullMs), `all of the file verified on the way; ${spread(fullMs)}`)
  const fullPercent = over(median(fullMs), median(bareFirstMs))
  const allowedPercent = AIM_PERCENT + (100 * bytes) / VERIFIED_BYTES_PER_MS / median(bareFirstMs)
  const allowed = `20 % + ${bytes} bytes ÷ 1 GB/s`
  add('own_part_full_verification_percent', fullPercent, `${allowed}: ${aim(fullPercent, allowedPercent)}`)
}

/** What is wrong with them, for a person. */
function told(verified: readonly Resumed[], full: readonly Resumed[]): string | undefined {
  const [first] = verified
  const text = first?.text ?? ''
  if ([...verified, ...full].some((answer) => answer.text !== text)) return 'restored answers differ from each other'
  return undefined
}

function over(value: number, base: number): number {
  return 100 * (value / base - 1)
}

function aim(percent: number, mostPercent: number): string {
  return `aim ≤ ${mostPercent.toFixed(0)} %: ${percent <= mostPercent ? 'met' : 'missed'}`
}

function entriesOf(daemon: Daemon): string {
  return join(daemon.home, '.cache', 'models')
}

/** As if they had been changed: what was verified before counts no more. */
async function touch(folder: string): Promise<void> {
  for (const path of await filesOf(folder)) await utimes(path, new Date(), new Date())
}

/** Of the file that such a prompt was restored from last. */
async function bytesOf({ client }: Daemon, promptTokens: number): Promise<number> {
  const { entries } = await client.cacheEntries()
  const entry = entries.toSorted((a, b) => b.lastUsedAtMs - a.lastUsedAtMs).find(({ tokens }) => tokens >= promptTokens)
  if (!entry) throw new Error(`no state of ${promptTokens} tokens is kept`)
  return entry.bytes
}

async function filesOf(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.endsWith('.cache')).map((name) => join(folder, name))
}
