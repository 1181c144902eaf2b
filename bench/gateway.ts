import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { GrymServer } from './grym-server.ts'
import type { LoadResult } from './gateway/load-generator.ts'
import { findPeers, type Peer } from './gateway/peers.ts'
import { generateLoad, InstantUpstream } from './gateway/processes.ts'
import { rssBytes } from './gateway/resident-memory.ts'
import { median, Report } from './report.ts'

/*
 * What the front door costs: the same questions straight to an upstream that answers at once, through grym (store, journal
 * and a key on, as it is by default) and through what else is installed. `--scale 0.1` asks a tenth of it.
 */

const MODEL = 'instant'
const KEY = 'sk-bench'
const CONCURRENCIES = [1, 32, 256] as const
const FORMS = ['json', 'stream'] as const
const PEERS = ['direct', 'grym', 'llama-swap', 'litellm'] as const
/** Requests of one measurement, by how many are asked at once. */
const REQUESTS = {
  json: { 1: 1_500, 32: 6_000, 256: 6_000 },
  stream: { 1: 600, 32: 2_000, 256: 2_000 },
} as const
/** Of a peer that is slower by orders of magnitude a part tells as much. */
const SLOW_PART = 0.02
const WARM_UP_REQUESTS = 1_000
const GROWTH_REQUESTS = 10_000
/** After the last answer, until what was written behind is written. */
const SETTLE_MS = 1_000

type Form = (typeof FORMS)[number]

const report = new Report()
let runs = 0
const folder = await mkdtemp(join(tmpdir(), 'grym-bench-'))
const upstream = await InstantUpstream.start()
try {
  const direct: Peer = { name: 'direct', url: upstream.url, pid: upstream.pid, model: MODEL, stop: async () => {} }
  await measure(direct, 1)
  await grym()
  for (const { name, start, note } of await findPeers(folder, upstream.url, MODEL)) {
    if (!start) addMissing(name, note)
    else {
      const peer = await start()
      await measure(peer, name === 'litellm' ? SLOW_PART : 1)
      await peer.stop()
    }
  }
} finally {
  await upstream.stop()
  await rm(folder, { recursive: true, force: true })
}

async function grym(): Promise<void> {
  const server = await GrymServer.start({
    name: 'grym',
    home: join(folder, 'home'),
    config: `servers:\n  ${MODEL}: { url: '${upstream.url}/v1', parallel: 1000, engine: other }\n`,
    env: {},
    defaultModel: `server:${MODEL}`,
  })
  try {
    const peer: Peer = {
      name: 'grym',
      url: server.url,
      pid: server.pid,
      model: `server:${MODEL}`,
      stop: async () => {},
    }
    await measure(peer, 1)
    await growth(peer)
  } finally {
    await server[Symbol.asyncDispose]()
  }
}

/** What 10,000 requests more leave behind, in a process that has served as many before. */
async function growth(peer: Peer): Promise<void> {
  await setTimeout(SETTLE_MS)
  const before = await rssBytes(peer.pid)
  await load(peer, 'json', 32, GROWTH_REQUESTS)
  await setTimeout(SETTLE_MS)
  const after = await rssBytes(peer.pid)
  const value = before === undefined || after === undefined ? null : after - before
  const note =
    value === null ? 'resident memory is read on Linux only' : `${before} before, ${after} after; aim ≤ 20 MB`
  report.add({ metric: 'gateway.rss_growth_bytes', value, unit: 'bytes', note })
}

async function measure(peer: Peer, part: number): Promise<void> {
  for (const form of FORMS) {
    await load(peer, form, 8, Math.ceil(WARM_UP_REQUESTS * part))
    for (const concurrency of CONCURRENCIES) {
      const requests = Math.max(2 * concurrency, Math.ceil(REQUESTS[form][concurrency] * part * scale()))
      const { latenciesMs, wallMs } = await load(peer, form, concurrency, requests)
      const sorted = latenciesMs.toSorted((a, b) => a - b)
      const metric = `gateway.${peer.name}.${form}.c${concurrency}`
      const note = `${requests} requests, ${form === 'json' ? '300 bytes' : '64 chunks'} each`
      report.add({ metric: `${metric}.p50_ms`, value: median(sorted), unit: 'ms', note })
      report.add({
        metric: `${metric}.p99_ms`,
        value: sorted[Math.floor(sorted.length * 0.99)] ?? null,
        unit: 'ms',
        note,
      })
      report.add({ metric: `${metric}.per_s`, value: (1_000 * requests) / wallMs, unit: 'per_s', note })
      const rss = await rssBytes(peer.pid)
      const rssNote = rss === undefined ? 'resident memory is read on Linux only' : 'right after the last answer'
      report.add({ metric: `${metric}.rss_bytes`, value: rss ?? null, unit: 'bytes', note: rssNote })
    }
  }
}

function load(peer: Peer, form: Form, concurrency: number, requests: number): Promise<LoadResult> {
  const run = `${peer.name}-${runs++}`
  return generateLoad(peer.url, {
    model: peer.model,
    isStreamed: form === 'stream',
    concurrency,
    requests,
    run,
    key: KEY,
  })
}

function addMissing(peer: (typeof PEERS)[number], note: string): void {
  for (const form of FORMS) {
    for (const concurrency of CONCURRENCIES) {
      const metric = `gateway.${peer}.${form}.c${concurrency}`
      for (const [figure, unit] of [
        ['p50_ms', 'ms'],
        ['p99_ms', 'ms'],
        ['per_s', 'per_s'],
        ['rss_bytes', 'bytes'],
      ] as const) {
        report.add({ metric: `${metric}.${figure}`, value: null, unit, note })
      }
    }
  }
}

/** `--scale 0.1` = a tenth of the requests. */
function scale(): number {
  const at = process.argv.indexOf('--scale')
  const given = at === -1 ? 1 : Number(process.argv[at + 1])
  if (!(given > 0)) throw new Error('--scale takes a number above 0')
  return given
}
