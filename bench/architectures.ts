import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mostCheckpoints } from '../src/models/checkpoint-memory.ts'
import { estimateFootprint } from '../src/models/footprint-estimate.ts'
import { parseGgufFile } from '../src/models/gguf-metadata.ts'
import { BATCH_TOKENS, EmbeddedProvider } from '../src/providers/embedded/embedded-provider.ts'
import type { ChatMessage, TokenUsage } from '../src/spec/chat.ts'
import type { FootprintEstimate } from '../src/spec/model.ts'
import { LinuxProcessMeter } from '../src/system/linux-process-meter.ts'
import { SystemClock } from '../src/system/system-clock.ts'
import { tinyGguf, type TinyGgufOptions } from '../src/testing/tiny-gguf.ts'
import type { TinyModel } from '../src/testing/tiny/tiny-models.ts'
import { localModel } from '../test/support/embedded-ground.ts'
import { Report } from './report.ts'

/*
 * What is said before a load against what is measured when the window is full, on a generated model of each kind, some tens
 * of MB large. What a process takes by itself hangs on how many other programs share Node's pages (54 to 85 MB within an
 * hour), so what a model adds is compared apart from that: memory that is the process's own and the mapped weights, less what
 * a process with a model of 1 MB has. On one thread: two wait for each other whenever something else has one of the cores.
 */

const CONTEXT_TOKENS = 4_096
const TURNS = 4
/** With the answers it fills the window: the byte tokenizer makes a token of each letter. */
const QUESTION = 'abcdefghij'.repeat(99)

const BASE: TinyGgufOptions = {
  ...{ blocks: 8, width: 256, heads: 4, kvHeads: 4, headLength: 64, feedForward: 1_024 },
  ...{ contextTokens: 8_192, isEndless: true },
}
const SMALLEST: TinyGgufOptions = { ...BASE, blocks: 1, width: 64, headLength: 16, feedForward: 128 }
const KINDS: readonly (readonly [TinyModel, TinyGgufOptions])[] = [
  ['llama', {}],
  ['grouped-query', { kvHeads: 1, blocks: 16 }],
  ['mixtral', { blocks: 4 }],
  ['gemma3', { period: 4, slidingTokens: 512 }],
  ['deepseek2', { latentLength: 256, blocks: 16 }],
  ['mamba', { stateLength: 64, blocks: 16 }],
  ['lfm2', { period: 4, blocks: 12 }],
  ['granitehybrid', { period: 4, stateLength: 64 }],
  ['qwen35', { period: 4, stateLength: 64 }],
  ['nomic-bert', { blocks: 16 }],
]

const report = new Report()
const folder = await mkdtemp(join(tmpdir(), 'grym-bench-'))
try {
  // The first worker compiles its code, which takes memory of its own; later ones find it compiled, as a daemon's do.
  await fill('llama', SMALLEST)
  const smallest = await fill('llama', SMALLEST)
  const wanted = process.argv.slice(2).filter((name) => !name.startsWith('--'))
  for (const [kind, options] of KINDS)
    if (wanted.length === 0 || wanted.includes(kind)) await estimate(kind, options, smallest)
} finally {
  await rm(folder, { recursive: true, force: true })
}

async function estimate(kind: TinyModel, options: TinyGgufOptions, smallest: Filled): Promise<void> {
  const filled = await fill(kind, { ...BASE, ...options })
  const { measuredBytes, weightsBytes, contextBytes, cachedPercent } = filled
  const estimatedBytes = weightsBytes + contextBytes + filled.processBytes
  report.add({
    metric: `architectures.estimate_error_percent.${kind}`,
    value: (100 * (estimatedBytes - measuredBytes)) / measuredBytes,
    unit: 'percent',
    note: `estimated ${estimatedBytes}, measured ${measuredBytes} with a full window of ${CONTEXT_TOKENS} tokens; aim within 5`,
  })
  const addedBytes = filled.ownBytes - smallest.ownBytes
  const expectedBytes = weightsBytes + contextBytes - smallest.weightsBytes - smallest.contextBytes
  report.add({
    metric: `architectures.added_error_percent.${kind}`,
    value: (100 * (expectedBytes - addedBytes)) / measuredBytes,
    unit: 'percent',
    note: `of the whole: estimated to add ${expectedBytes} (weights ${weightsBytes}, context ${contextBytes}) to the smallest model, added ${addedBytes}; aim within 5`,
  })
  if (cachedPercent === undefined) return
  const note = `of the prompt of turn ${TURNS} of a conversation whose answers come back in other words`
  report.add({ metric: `architectures.cached_token_percent.${kind}`, value: cachedPercent, unit: 'percent', note })
}

interface Filled extends FootprintEstimate {
  readonly measuredBytes: number
  /** Without what is shared with other programs. */
  readonly ownBytes: number
  readonly cachedPercent: number | undefined
}

async function fill(kind: TinyModel, options: TinyGgufOptions): Promise<Filled> {
  const path = join(folder, `${kind}.gguf`)
  await writeFile(path, tinyGguf({ model: kind, ...options }))
  const metadata = await parseGgufFile(path)
  const shape = { contextTokens: CONTEXT_TOKENS, parallel: 1, kvType: 'f16', batchTokens: BATCH_TOKENS } as const
  const estimated = estimateFootprint(metadata, shape)
  const provider = providerOf(path)
  const signal = new AbortController().signal
  try {
    const definition = {
      ...localModel(kind, kind, CONTEXT_TOKENS),
      checkpoints: mostCheckpoints(metadata.contextMemory, shape),
    }
    const { pid } = await provider.load(definition, signal)
    const usage = kind === 'nomic-bert' ? undefined : await converse(provider, kind)
    const measured = await provider.measure(kind)
    return {
      ...estimated,
      measuredBytes: measured?.bytes ?? Number.NaN,
      ownBytes: pid === undefined ? Number.NaN : await ownBytes(pid, path),
      cachedPercent: usage && (100 * (usage.cachedTokens ?? 0)) / usage.promptTokens,
    }
  } finally {
    await provider.dispose()
    await rm(path)
  }
}

/** Memory of a process that is in no file, and what it has mapped of its weights (proc_pid_smaps(5)). */
async function ownBytes(pid: number, weightsPath: string): Promise<number> {
  let bytes = 0
  let isWeights = false
  for (const line of (await readFile(`/proc/${pid}/smaps`, 'utf8')).split('\n')) {
    if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) isWeights = line.endsWith(weightsPath)
    const [, key, kilobytes] = /^(Anonymous|Pss):\s+(\d+) kB$/.exec(line) ?? []
    if (key === (isWeights ? 'Pss' : 'Anonymous')) bytes += Number(kilobytes) * 1_024
  }
  return bytes
}

/** Fills the window in turns, so that checkpoints are there as well. */
async function converse(provider: EmbeddedProvider, modelId: string): Promise<TokenUsage | undefined> {
  const messages: ChatMessage[] = []
  let usage: TokenUsage | undefined
  for (let turn = 0; turn < TURNS; turn++) {
    messages.push({ role: 'user', content: QUESTION })
    const request = { messages, sampling: { temperature: 0 }, maxTokens: 8, stop: [] }
    for await (const chunk of provider.generate(modelId, request, new AbortController().signal))
      if (chunk.type === 'end') usage = chunk.usage
    messages.push({ role: 'assistant', content: 'yes' })
  }
  return usage
}

function providerOf(path: string): EmbeddedProvider {
  return new EmbeddedProvider({
    clock: new SystemClock(),
    processMeter: new LinuxProcessMeter(),
    weights: {
      locate: async () => ({ path, sizeBytes: (await stat(path)).size, contextTokens: CONTEXT_TOKENS }),
    },
    cores: 1,
    compileCacheFolder: join(folder, 'compiled'),
  })
}
