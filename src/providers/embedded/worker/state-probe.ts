import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { LlamaContextSequence, Token } from 'node-llama-cpp'
import type { KvType } from '../../../spec/model.ts'
import type { StateSupport } from '../../../spec/state-support.ts'
import type { Slot } from './slot.ts'

/** Window of the contexts that are tried, tokens. */
export const PROBE_CONTEXT_TOKENS = 256
/** The sizes of two states say what a token takes; both fit into any sliding window. */
const SIZED_TOKENS = [16, 48] as const
/** Tokens whose state is restored; the one behind them is read by both. */
const SAVED_TOKENS = 95
/** Tokens that are compared after the state was restored. */
const COMPARED_TOKENS = 4
const TEXT = 'The quick brown fox jumps over the lazy dog, again and again, until the day is over. '

export interface StateProbeOptions {
  /** Makes a fresh context like those that serve, of {@link PROBE_CONTEXT_TOKENS}. */
  readonly openSlot: () => Promise<Slot>
  /** Where the file lies meanwhile. It is taken away again. */
  readonly folder: string
  readonly engineVersion: string
  readonly kvType: KvType
}

/**
 * Reads a text, saves the state, restores it into another context and compares what follows. Takes the time of about a
 * hundred tokens read and eight said. The contexts that serve are left alone.
 */
export async function probeState(options: StateProbeOptions): Promise<StateSupport> {
  const slots: Slot[] = []
  try {
    for (const _ of ['from', 'into']) slots.push(await options.openSlot())
    const [from, into] = slots
    if (!from || !into) throw new Error('a probe needs two contexts')
    const { openSlot: _, ...rest } = options
    return await probeBetween(from, into, rest)
  } finally {
    for (const slot of slots) await slot[Symbol.asyncDispose]()
  }
}

async function probeBetween(
  from: Slot,
  into: Slot,
  { folder, ...key }: Omit<StateProbeOptions, 'openSlot'>,
): Promise<StateSupport> {
  const path = join(folder, `state-probe-${process.pid}.bin`)
  const { model } = from.sequence
  const architecture = model.fileInfo.metadata.general.architecture
  const nothing = {
    ...key,
    architecture,
    canSave: false,
    canRestore: false,
    isExact: false,
    fixedBytes: 0,
    bytesPerToken: 0,
  }
  const tokens = cycled(model.tokenize(TEXT), SAVED_TOKENS + 1)
  const save = async (count: number): Promise<number> => {
    await from.sequence.evaluateWithoutGeneratingNewTokens(tokens.slice(from.sequence.nextTokenIndex, count))
    return (await from.sequence.saveStateToFile(path)).fileSize
  }
  try {
    const sizes = await attempt(async () => [await save(SIZED_TOKENS[0]), await save(SIZED_TOKENS[1])] as const)
    if ('reason' in sizes) return { ...nothing, reason: sizes.reason }
    const bytesPerToken = (sizes.value[1] - sizes.value[0]) / (SIZED_TOKENS[1] - SIZED_TOKENS[0])
    const fixedBytes = sizes.value[0] - SIZED_TOKENS[0] * bytesPerToken
    await save(SAVED_TOKENS)
    const saved = { ...nothing, canSave: true, bytesPerToken, fixedBytes }
    const restored = await attempt(() => into.sequence.loadStateFromFile(path, { acceptRisk: true }))
    if ('reason' in restored) return { ...saved, reason: restored.reason }
    const last = tokens.slice(SAVED_TOKENS)
    const [expected, found] = [await follow(from.sequence, last), await follow(into.sequence, last)]
    const isExact = expected === found
    return {
      ...saved,
      canRestore: true,
      isExact,
      ...(!isExact && { reason: 'What follows a restored state differs.' }),
    }
  } finally {
    await rm(path, { force: true })
  }
}

/** What it throws is the finding. */
async function attempt<Value>(work: () => Promise<Value>): Promise<{ value: Value } | { reason: string }> {
  try {
    return { value: await work() }
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) }
  }
}

/** The most likely tokens from here on, with the probabilities of all others, as text. */
async function follow(sequence: LlamaContextSequence, [first]: Token[]): Promise<string> {
  const said: string[] = []
  let token = first
  for (let count = 0; count < COMPARED_TOKENS && token !== undefined; count++) {
    const generateNext = { token: true, probabilities: true, options: { temperature: 0 } }
    const [output] = await sequence.controlledEvaluate([[token, { generateNext }]])
    const { probabilities } = output?.next ?? {}
    said.push(JSON.stringify([...(probabilities ?? [])]))
    token = output?.next.token ?? undefined
  }
  return said.join('\n')
}

function cycled(tokens: readonly Token[], length: number): Token[] {
  return Array.from({ length }, (_, index) => tokens[index % tokens.length] as Token)
}
