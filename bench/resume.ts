import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Daemon } from '../test/support/daemon.ts'
import { realLlamaServer } from '../test/support/real-engines.ts'
import { ask } from '../test/support/resume-question.ts'
import { placeSmollm2 } from '../test/support/smollm2.ts'
import { BareEmbedded } from './bare-embedded.ts'
import { BareSlots } from './bare-slots.ts'
import { CONTEXT_TOKENS } from './chat-server.ts'
import { Report } from './report.ts'
import { measureRestores, restoresMissing } from './restore-rounds.ts'
import { measureSaveDelay } from './save-delay.ts'

/*
 * What a conversation costs whose model was unloaded, and what saving it costs others, in one run and through the front door:
 *
 * 1. the first token, read again and restored from disk, beside the same engine without grym (`restore-rounds.ts`)
 * 2. what a question waits for a save (`save-delay.ts`)
 * 3. how well what is kept is chosen (`kv-replacement.ts`)
 *
 * `--tokens 500,1000,2000` (default) takes about five minutes on two cores, 6000 eight more; `--rounds N` less or more; `--engine llama-server` measures a
 * llama-server that grym starts. What an aim was missed by is told, and no failure.
 */

const MODEL = 'smollm2'
/** A daemon has answered before: its code is compiled. */
const WARM_UP_QUESTIONS = 12
/** So much a conversation grows by to be worth a file: 64 tokens, and for a llama-server's slot what is read in a second. */
const GROWN_TOKENS = { embedded: 150, 'llama-server': 400 }
const REPLACEMENT = fileURLToPath(new URL('kv-replacement.ts', import.meta.url))

const report = new Report()
const engine = valueOf('--engine') === 'llama-server' ? 'llama-server' : 'embedded'
const rounds = Number(valueOf('--rounds') ?? 5)
const sizes = (valueOf('--tokens') ?? '500,1000,2000').split(',').map(Number)
/** Left by Ctrl-C: what was started is stopped on the way out. */
const left = Promise.withResolvers<never>()
const leaving = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => {
    const error = new Error(`The measurement was ended by ${name}.`)
    left.reject(error)
    leaving.abort(error)
  })
}
const { signal } = leaving

const folder = await mkdtemp(join(tmpdir(), 'grym-resume-'))
const started = new AsyncDisposableStack()
try {
  await Promise.race([all(), left.promise])
} catch (error) {
  if (!signal.aborted) throw error
  console.error(signal.reason instanceof Error ? signal.reason.message : 'The measurement was ended.')
  process.exitCode = 130
} finally {
  await started.disposeAsync()
  await rm(folder, { recursive: true, force: true })
}

async function all(): Promise<void> {
  const found = engine === 'llama-server' ? await realLlamaServer() : undefined
  if (found && 'missing' in found) for (const tokens of sizes) addMissing(tokens, found.missing)
  else await measure(found?.binary)
  await replacement()
}

async function measure(llamaServer: string | undefined): Promise<void> {
  const modelPath = await placeSmollm2(join(folder, 'models'))
  const bareFolder = join(folder, 'bare')
  await mkdir(bareFolder)
  const bare =
    llamaServer === undefined
      ? new BareEmbedded(modelPath, bareFolder, signal)
      : new BareSlots(llamaServer, modelPath, bareFolder, signal)
  const config = join(folder, 'grym.yaml')
  const entry = llamaServer === undefined ? '' : `  entries:\n    ${MODEL}: { engine: llama-server }\n`
  await writeFile(config, `models:\n  contextTokens: ${CONTEXT_TOKENS}\n${entry}`)
  const daemon = await Daemon.start({
    home: join(folder, 'home'),
    models: join(folder, 'models'),
    flags: ['--config', config],
    env: {
      ...{ GRYM_USE_OLLAMA_MODELS: 'no', GRYM_OLLAMA_URL: 'off', GRYM_LM_STUDIO_URL: 'off' },
      ...(llamaServer !== undefined && { GRYM_LLAMA_SERVER: llamaServer }),
    },
  })
  started.use(daemon)
  for (let count = 0; count < WARM_UP_QUESTIONS; count++) await ask(daemon.url, MODEL, 'Hello.')
  for (const [run, tokens] of sizes.entries()) {
    await measureRestores({ report, daemon, model: MODEL, bare, engine, tokens, run, rounds })
    await measureSaveDelay({ report, daemon, model: MODEL, tokens, run, grownTokens: GROWN_TOKENS[engine] })
  }
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
  const child = spawn(process.execPath, [REPLACEMENT, ...json, ...data], { stdio: 'inherit', signal })
  const [code] = (await once(child, 'exit')) as [number | null]
  if (code !== 0) process.exitCode = 1
}

function addMissing(tokens: number, note: string): void {
  restoresMissing(report, tokens, note)
  report.add({ metric: `resume.save_delay_ms.${tokens}`, value: null, unit: 'ms', note })
}

function valueOf(flag: string): string | undefined {
  const at = process.argv.indexOf(flag)
  return at === -1 ? undefined : process.argv[at + 1]
}
