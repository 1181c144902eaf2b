import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { openCatalog } from '../src/app/compose.ts'
import { resolveConfig } from '../src/config/config.ts'
import { readEnvironment } from '../src/config/environment.ts'
import { BATCH_TOKENS } from '../src/providers/embedded/embedded-provider.ts'
import { usableCores } from '../src/system/cpu-cores.ts'
import { prepareFolders } from '../src/system/folders.ts'
import { CoreDriver } from '../test/simulation/core-driver.ts'
import { makeScenario } from '../test/simulation/scenario.ts'
import { Daemon } from '../test/support/daemon.ts'
import { placeSmollm2, placeVariant, smollm2 } from '../test/support/smollm2.ts'
import { median, Report, spread, timed } from './report.ts'

/*
 * What the foundation promises, measured on this machine with the real model (about three minutes). Speed is a ratio
 * of two measurements taken in turns within this run.
 */

const ROUNDS = 7
const CONTEXT_TOKENS = 8_192
const IDLE_SECONDS = 20
const SEEDS = 500

const report = new Report()
const models = await mkdtemp(join(tmpdir(), 'grym-bench-'))
try {
  await placeSmollm2(models)
  await placeVariant(models, 'second.gguf', 'A')
  await stepSpeed()
  await idle()
  await loads()
  await swaps()
  await twoEngines()
  for (const contextTokens of [2_048, 4_096, 8_192]) await estimate(contextTokens)
  await secondId()
} finally {
  await rm(models, { recursive: true, force: true })
}

async function stepSpeed(): Promise<void> {
  let events = 0
  const wallMs = await timed(async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const driver = new CoreDriver(makeScenario(seed))
      driver.run()
      events += driver.eventCount
    }
  })
  const note = `${SEEDS} seeds, ${events} events, every invariant checked after each; aim ≥ 100,000`
  report.add({ metric: 'foundation.step_per_s', value: (events / wallMs) * 1_000, unit: 'per_s', note })
}

/** A daemon with no model, sampling once a second. */
async function idle(): Promise<void> {
  await using daemon = await Daemon.start({ models })
  await pause(3_000)
  const before = await cpuSeconds(daemon.pid)
  const wallMs = await timed(() => pause(IDLE_SECONDS * 1_000))
  const cpuPercent = (100 * ((await cpuSeconds(daemon.pid)) - before)) / (wallMs / 1_000)
  const status = await readFile(`/proc/${daemon.pid}/status`, 'utf8')
  const rssBytes = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1_024
  report.add({ metric: 'foundation.idle_rss_bytes', value: rssBytes, unit: 'bytes', note: 'no model; aim ≤ 120 MB' })
  const note = `of one core over ${IDLE_SECONDS} s, memory sampled every second; aim ≤ 0.5`
  report.add({ metric: 'foundation.idle_cpu_percent', value: cpuPercent, unit: 'percent', note })
}

/** Through grym: an idle daemon is asked to load. Bare: a process that does the same and ends. In turns. */
async function loads(): Promise<void> {
  await using daemon = await Daemon.start({ models, flags: ['--context', String(CONTEXT_TOKENS)] })
  const path = await smollm2()
  const bareEntry = fileURLToPath(new URL('bare-load.ts', import.meta.url))
  const through: number[] = []
  const bare: number[] = []
  const bareInside: number[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    const throughMs = await timed(() => daemon.client.load('smollm2'))
    await daemon.client.unload('smollm2')
    const args = [bareEntry, path, CONTEXT_TOKENS, BATCH_TOKENS, usableCores()].map(String)
    let stdout = ''
    const bareMs = await timed(async () => ({ stdout } = await promisify(execFile)(process.execPath, args)))
    // The first round fills the caches of both.
    if (round === 0) continue
    through.push(throughMs)
    bare.push(bareMs)
    bareInside.push((JSON.parse(stdout) as { loadMs: number }).loadMs)
  }
  const note =
    `grym ${median(through).toFixed(0)} ms (${spread(through)}), a bare process ${median(bare).toFixed(0)} ms ` +
    `(${spread(bare)}; ${median(bareInside).toFixed(0)} ms of it after its imports); aim ≤ 1.2`
  report.add({ metric: 'foundation.load_ratio', value: median(through) / median(bare), unit: 'ratio', note })
}

/** Two models, room for one: from the request to the first piece of text. */
async function swaps(): Promise<void> {
  await using daemon = await Daemon.start({ models, flags: ['--max-models', '1'] })
  const firstTokenMs = async (model: string): Promise<number> => {
    const leaving = new AbortController()
    const messages = [{ role: 'user', content: 'Hi' }]
    const pieces = daemon.client.chat({ model, messages, max_tokens: 1 }, leaving.signal)
    const wallMs = await timed(() => pieces.next())
    for await (const piece of pieces) if (piece === '') break
    // Between two questions a person reads; the spare process gets ready meanwhile.
    await pause(2_000)
    return wallMs
  }
  const values: number[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    const pair = [await firstTokenMs('smollm2'), await firstTokenMs('second')]
    if (round > 0) values.push(...pair)
  }
  const note = `A→B with room for one, 2 s apart (${spread(values)}); aim ≤ 650; Ollama 626–680, llama-swap 1,694 in another run`
  report.add({ metric: 'foundation.swap_first_token_ms', value: median(values), unit: 'ms', note })
}

/** Two models that generate at once, over the same two one after the other. In turns. */
async function twoEngines(): Promise<void> {
  await using daemon = await Daemon.start({ models, flags: ['--max-models', '2'] })
  const ask = async (model: string): Promise<void> => {
    const response = await daemon.ask(model, 'Write a story about the sea.', { max_tokens: 64, seed: 1 })
    if (!response.ok) throw new Error(await response.text())
    await response.text()
  }
  await ask('smollm2')
  await ask('second')
  const together: number[] = []
  const serial: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    together.push(await timed(() => Promise.all([ask('smollm2'), ask('second')])))
    serial.push(
      await timed(async () => {
        await ask('smollm2')
        await ask('second')
      }),
    )
  }
  const note = `at once ${median(together).toFixed(0)} ms (${spread(together)}), one after the other ${median(serial).toFixed(0)} ms (${spread(serial)}); must ≤ 1.0`
  report.add({ metric: 'foundation.two_engines_ratio', value: median(together) / median(serial), unit: 'ratio', note })
}

/** What is said before a load against what is measured after the first answer; nothing learned before. */
async function estimate(contextTokens: number): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), 'grym-bench-home-'))
  try {
    const flags = { '--context': contextTokens }
    const config = resolveConfig({ env: { ...readEnvironment(), GRYM_MODELS: models }, flags })
    const { catalog } = await openCatalog(config, await prepareFolders(home))
    const { estimate: before } = await catalog.resolve('smollm2')
    const estimatedBytes = before.weightsBytes + before.contextBytes + before.processBytes
    const daemon = await Daemon.start({ home, models, flags: ['--context', String(contextTokens)] })
    await daemon.ask('smollm2', 'What is the capital of France?', { max_tokens: 16 })
    await pause(1_000)
    const measuredBytes = (await daemon.client.status()).models[0]?.footprintBytes ?? 0
    await daemon.stop()
    const note = `estimated ${estimatedBytes}, measured ${measuredBytes}; must be within 5`
    const value = (100 * (estimatedBytes - measuredBytes)) / measuredBytes
    report.add({ metric: `foundation.estimate_error_percent.${contextTokens}`, value, unit: 'percent', note })
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}

async function secondId(): Promise<void> {
  const twins = await mkdtemp(join(tmpdir(), 'grym-bench-twins-'))
  try {
    await placeSmollm2(twins)
    await placeSmollm2(twins, 'twin.gguf')
    await using daemon = await Daemon.start({ models: twins, flags: ['--context', '2048'] })
    const first = await daemon.client.load('smollm2')
    const { footprintBytes } = await daemon.client.load('twin')
    const note = `the first id takes ${first.footprintBytes}; 2,048 tokens of KV cache are 47,185,920 bytes of what is added`
    report.add({ metric: 'foundation.second_id_added_bytes', value: footprintBytes, unit: 'bytes', note })
  } finally {
    await rm(twins, { recursive: true, force: true })
  }
}

/** CPU time of a process and its threads so far, seconds (proc(5), fields 14 and 15, in ticks of 10 ms). */
async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs))
}
