import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Daemon } from '../test/support/daemon.ts'
import { realLlamaServer } from '../test/support/real-engines.ts'
import { placeSmollm2 } from '../test/support/smollm2.ts'
import { median, Report, spread } from './report.ts'
import { ask, question, type Resumed } from '../test/support/resume-question.ts'

/*
 * The first token of a conversation after its model was unloaded: read again, and restored from disk, in one run and through the
 * front door. The model is loaded again before each question, on both sides. `--tokens 500,1000,2000` (default) takes about two
 * minutes on two cores, 6000 a few more; `--engine llama-server` measures a llama-server that grym starts.
 */

const ROUNDS = 3
const WINDOW_TOKENS = 8_192
const MODEL = 'smollm2'
const REPLACEMENT = fileURLToPath(new URL('kv-replacement.ts', import.meta.url))

const report = new Report()
const engine = valueOf('--engine') ?? 'embedded'
const sizes = (valueOf('--tokens') ?? '500,1000,2000').split(',').map(Number)
const folder = await mkdtemp(join(tmpdir(), 'grym-resume-'))
try {
  const found = engine === 'llama-server' ? await realLlamaServer() : undefined
  if (found && 'missing' in found) for (const tokens of sizes) addMissing(tokens, found.missing)
  else await measure(found?.binary)
} finally {
  await rm(folder, { recursive: true, force: true })
}
await replacement()

async function measure(llamaServer: string | undefined): Promise<void> {
  await placeSmollm2(join(folder, 'models'))
  const config = join(folder, 'grym.yaml')
  const entry = llamaServer === undefined ? '' : `  entries:\n    ${MODEL}: { engine: llama-server }\n`
  await writeFile(config, `models:\n  contextTokens: ${WINDOW_TOKENS}\n${entry}`)
  await using daemon = await Daemon.start({
    home: join(folder, 'home'),
    models: join(folder, 'models'),
    flags: ['--config', config],
    env: {
      ...{ GRYM_USE_OLLAMA_MODELS: 'no', GRYM_OLLAMA_URL: 'off', GRYM_LM_STUDIO_URL: 'off' },
      ...(llamaServer !== undefined && { GRYM_LLAMA_SERVER: llamaServer }),
    },
  })
  // The first load and answer of a process are slower than all others.
  await ask(daemon.url, MODEL, 'Hello.')
  for (const [run, tokens] of sizes.entries()) await measureSize(daemon, tokens, run)
}

async function measureSize(daemon: Daemon, tokens: number, run: number): Promise<void> {
  const content = question(tokens, run)
  const afterLoad = async (): Promise<Resumed> => {
    await daemon.client.unload(MODEL)
    await daemon.client.load(MODEL)
    return ask(daemon.url, MODEL, content)
  }
  const prefill = await afterLoad()
  const restored: Resumed[] = []
  for (let round = 0; round < ROUNDS; round++) restored.push(await afterLoad())
  const times = restored.map(({ firstTextMs }) => firstTextMs)
  // Right after a load nothing but the disk has them; the stream of a llama-server is passed on as it is, without a receipt.
  const isRestored = restored.every(({ cachedTokens, promptTokens }) => cachedTokens > promptTokens / 2)
  const told = restored
    .map(({ restoredTokens, restoreMs, cachedTokens }) =>
      restoredTokens > 0 ? `${restoredTokens} in ${restoreMs} ms` : `${cachedTokens}, by the engine's own count`,
    )
    .join(', ')
  const note = `${engine}, ${prefill.promptTokens} prompt tokens`
  const bytes = await bytesOf(join(daemon.home, '.cache', 'models'))
  const kept = `${bytes} bytes on disk; the same text each time: ${restored.every(({ text }) => text === restored[0]?.text)}`
  report.add({
    ...{ metric: `resume.prefill_ms.${tokens}`, value: prefill.firstTextMs, unit: 'ms' },
    note: `${note}, all read`,
  })
  report.add({
    ...{ metric: `resume.restore_ms.${tokens}`, value: isRestored ? median(times) : null, unit: 'ms' },
    note: isRestored ? `${note}; restored: ${told}; ${spread(times)}; ${kept}` : `not restored: ${told}`,
  })
  report.add({
    ...{
      metric: `resume.speedup.${tokens}`,
      value: isRestored ? prefill.firstTextMs / median(times) : null,
      unit: 'ratio',
    },
    note: isRestored ? 'first token after the load: read ÷ restored' : 'nothing was restored',
  })
}

/** Of all that lies there. */
async function bytesOf(path: string): Promise<number> {
  const names = await readdir(path).catch((): string[] => [])
  const sizesBytes = await Promise.all(names.map(async (name) => (await stat(join(path, name))).size))
  return sizesBytes.reduce((sum, size) => sum + size, 0)
}

/** How well what is kept is chosen: a program of its own, whose lines belong here. */
async function replacement(): Promise<void> {
  if (process.argv.includes('--no-replacement')) return
  if (!existsSync(REPLACEMENT)) {
    report.add({ metric: 'kv.hit_percent.grym.5000', value: null, unit: 'percent', note: 'its program is not here' })
    return
  }
  const data = ['--data', '--trace'].flatMap((flag) => {
    const value = valueOf(flag)
    return value === undefined ? [] : [flag, value]
  })
  const json = process.argv.includes('--json') ? ['--json'] : []
  const child = spawn(process.execPath, [REPLACEMENT, ...json, ...data], { stdio: 'inherit' })
  const [code] = (await once(child, 'exit')) as [number | null]
  if (code !== 0) process.exitCode = 1
}

function addMissing(tokens: number, note: string): void {
  for (const [name, unit] of [
    ['prefill_ms', 'ms'],
    ['restore_ms', 'ms'],
    ['speedup', 'ratio'],
  ] as const) {
    report.add({ metric: `resume.${name}.${tokens}`, value: null, unit, note })
  }
}

function valueOf(flag: string): string | undefined {
  const at = process.argv.indexOf(flag)
  return at === -1 ? undefined : process.argv[at + 1]
}
