import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { realLlamaServer, realOllama } from '../test/support/real-engines.ts'
import { placeSmollm2, placeVariant } from '../test/support/smollm2.ts'
import type { ChatServer } from './chat-server.ts'
import { GrymServer } from './grym-server.ts'
import { BareLlamaServer, LlamaRouter } from './llama-server.ts'
import { BareOllama, startOllama } from './ollama-server.ts'
import { median, Report, spread } from './report.ts'

/*
 * What it costs to have an engine managed: two models with room for one, from the question to the first piece of text,
 * through grym and without it, in turns (about five minutes). Each side has an engine of its own, which computes with the
 * same number of threads and the same window. `ollama` or `llama_server` measures one of them, `--rounds N` less or more.
 */

const ROUNDS = roundsAsked() ?? 7
const ENGINES = ['ollama', 'llama_server'] as const
const MODELS = ['first', 'second'] as const
const [FIRST, SECOND] = MODELS
/** Between two questions a person reads. */
const PAUSE_MS = 1_000

/** Left by Ctrl-C: what was started is stopped on the way out. */
const leaving = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => leaving.abort(new Error(`The measurement was ended by ${name}.`)))
}
const { signal } = leaving
const report = new Report()
let asked = 0

const folder = await mkdtemp(join(tmpdir(), 'grym-bench-'))
try {
  await placeSmollm2(join(folder, 'models'), `${FIRST}.gguf`)
  await placeVariant(join(folder, 'models'), `${SECOND}.gguf`, 'A')
  if (isWanted('ollama')) await ollama()
  if (isWanted('llama_server')) await llamaServer()
} catch (error) {
  if (!signal.aborted) throw error
  console.error(signal.reason instanceof Error ? signal.reason.message : 'The measurement was ended.')
  process.exitCode = 130
} finally {
  await rm(folder, { recursive: true, force: true })
}

/** Each has an Ollama of its own, or one would find what the other has loaded. */
async function ollama(): Promise<void> {
  const found = await realOllama()
  if ('missing' in found) return addMissing('ollama', ['ollama_bare', 'ollama_grym'], found.missing)
  await using servers = new AsyncDisposableStack()
  const models = join(folder, 'models')
  const bare = servers.use(new BareOllama(await startOllama(found.binary, models, MODELS)))
  const managed = servers.use(await startOllama(found.binary, models, MODELS))
  const grym = servers.use(
    await GrymServer.start({
      name: 'ollama_grym',
      home: join(folder, 'ollama-home'),
      config: '',
      env: { GRYM_OLLAMA_URL: managed.url },
      defaultModel: FIRST,
    }),
  )
  await footprint('ollama', grym)
  await compare('ollama', bare, grym, [])
}

async function llamaServer(): Promise<void> {
  const found = await realLlamaServer()
  const names = ['llama_server_bare', 'llama_router', 'llama_server_grym']
  if ('missing' in found) return addMissing('llama_server', names, found.missing)
  await using servers = new AsyncDisposableStack()
  const models = join(folder, 'models')
  const bare = servers.use(new BareLlamaServer(found.binary, models))
  const router = servers.use(await LlamaRouter.start(found.binary, models, signal))
  const grym = servers.use(
    await GrymServer.start({
      name: 'llama_server_grym',
      home: join(folder, 'llama-server-home'),
      config: `models:\n  entries:\n    ${FIRST}: { engine: llama-server }\n    ${SECOND}: { engine: llama-server }\n`,
      env: { GRYM_LLAMA_SERVER: found.binary },
      models,
      defaultModel: FIRST,
    }),
  )
  await footprint('llama_server', grym)
  await compare('llama_server', bare, grym, [router])
}

/** What is said before the first load against what is measured after the first answer. */
async function footprint(engine: string, grym: GrymServer): Promise<void> {
  const metric = `engines.footprint_error_percent.${engine}`
  const estimatedBytes = await grym.estimatedBytes(FIRST)
  await grym.firstTextMs(FIRST, nextQuestion(), signal)
  await setTimeout(PAUSE_MS, undefined, { signal })
  const measuredBytes = await grym.measuredBytes(FIRST)
  if (measuredBytes === undefined) {
    return report.add({ metric, value: null, unit: 'percent', note: 'its memory was not measured' })
  }
  const note = `estimated ${estimatedBytes}, measured ${measuredBytes}`
  report.add({ metric, value: (100 * (estimatedBytes - measuredBytes)) / measuredBytes, unit: 'percent', note })
}

async function compare(
  engine: string,
  bare: ChatServer,
  grym: ChatServer,
  others: readonly ChatServer[],
): Promise<void> {
  const all = [bare, ...others, grym]
  const swaps = new Map<ChatServer, number[]>(all.map((server) => [server, []]))
  const warm = new Map<ChatServer, number[]>(all.map((server) => [server, []]))
  for (let round = 0; round <= ROUNDS; round++) {
    // Who comes first changes, so that nobody is always the one after whom the other had to be read from disk.
    for (const server of round % 2 === 0 ? all : all.toReversed()) {
      for (const model of [SECOND, FIRST]) {
        const swapMs = await ask(server, model)
        const warmMs = await ask(server, model)
        // The first round fills the caches of all.
        if (round === 0) continue
        swaps.get(server)?.push(swapMs)
        warm.get(server)?.push(warmMs)
      }
    }
  }
  for (const [what, times] of [
    ['swap', swaps],
    ['warm', warm],
  ] as const) {
    for (const [{ name }, values] of times) {
      report.add({
        metric: `engines.${what}_first_token_ms.${name}`,
        value: median(values),
        unit: 'ms',
        note: spread(values),
      })
    }
  }
  const [grymMs, bareMs] = [median(swaps.get(grym) ?? []), median(swaps.get(bare) ?? [])]
  const note = `grym ${grymMs.toFixed(0)} ms, the engine by itself ${bareMs.toFixed(0)} ms, in turns; aim ≤ 1.1`
  report.add({ metric: `engines.swap_ratio.${engine}`, value: grymMs / bareMs, unit: 'ratio', note })
}

async function ask(server: ChatServer, model: string): Promise<number> {
  const wallMs = await server.firstTextMs(model, nextQuestion(), signal)
  await setTimeout(PAUSE_MS, undefined, { signal })
  return wallMs
}

/** Another one each time, all of them equally long: an engine that remembers a question answers it sooner. */
function nextQuestion(): string {
  return `What is ${100 + (asked++ % 900)} plus 7?`
}

function addMissing(engine: string, names: readonly string[], note: string): void {
  const metrics = names.flatMap((name) => [`swap_first_token_ms.${name}`, `warm_first_token_ms.${name}`])
  for (const metric of metrics) report.add({ metric: `engines.${metric}`, value: null, unit: 'ms', note })
  report.add({ metric: `engines.swap_ratio.${engine}`, value: null, unit: 'ratio', note })
  report.add({ metric: `engines.footprint_error_percent.${engine}`, value: null, unit: 'percent', note })
}

/** By its name among the arguments; without any, all are. */
function isWanted(engine: string): boolean {
  const named = ENGINES.filter((name) => process.argv.includes(name))
  return named.length === 0 || named.some((name) => name === engine)
}

function roundsAsked(): number | undefined {
  const at = process.argv.indexOf('--rounds')
  const rounds = at === -1 ? undefined : Number(process.argv[at + 1])
  if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0))
    throw new Error('--rounds takes a number from 1')
  return rounds
}
