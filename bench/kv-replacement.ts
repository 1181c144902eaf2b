import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { chooseVictims, type Kept } from '../src/kvcache/replacement.ts'
import { type Measurement, Report } from './report.ts'

/*
 * How much of what real conversations ask for again a full cache still has: a recorded trace, in blocks of 512 tokens of
 * equal size, through the product's own choice of victims (`src/kvcache/replacement.ts`) and three others. The trace is cut
 * into blocks where the cache keeps whole states, so it judges the choice, not the cache.
 */

const BLOCKS = 5_000
const BLOCK_TOKENS = 512
const TRACE: string = join(import.meta.dirname, '../../shared/data/traces/mooncake_conversation_trace.jsonl')

interface Asked {
  readonly atMs: number
  readonly blocks: readonly number[]
}

interface Block extends Kept {
  readonly id: number
  lastUsedAtMs: number
  restores: number
  nextAt: number
}

/** Whom to let go of, so many. */
type Policy = (held: readonly Block[], count: number, nowMs: number) => readonly Block[]

const POLICIES: Readonly<Record<string, Policy>> = {
  grym: (held, count, nowMs) => chooseVictims(held, { bytes: 0, entries: count }, nowMs),
  // The one used longest ago stands first.
  lru: (held, count) => held.slice(0, count),
  lfu: lowest((block) => block.restores),
  belady: lowest((block) => -block.nextAt),
}

/** @param trace default: the recorded one beside the checkout; where it is absent each value is `null` */
export function measureReplacement(trace: string = TRACE, blocks: number = BLOCKS): Measurement[] {
  const requests = existsSync(trace) ? readTrace(trace) : undefined
  return Object.entries(POLICIES).map(([name, policy]) => {
    const metric = `kv.hit_percent.${name}.${blocks}`
    if (!requests) return { metric, value: null, unit: 'percent', note: `not measured: ${trace} is absent` }
    const { hits, asked } = replay(requests, policy, blocks)
    const what =
      name === 'grym'
        ? 'src/kvcache/replacement.ts; aim ≥ 20'
        : name === 'belady'
          ? 'knows the future: upper bound'
          : 'peer'
    return {
      metric,
      value: (100 * hits) / asked,
      unit: 'percent',
      note: `${what}; ${hits} of ${asked} blocks, ${requests.length} requests`,
    }
  })
}

function replay(requests: readonly Asked[], policy: Policy, most: number): { hits: number; asked: number } {
  const nextUses = usesAfter(requests)
  const known = new Map<number, Block>()
  const held = new Set<Block>()
  let hits = 0
  let asked = 0
  for (const [index, { atMs, blocks }] of requests.entries()) {
    for (const id of blocks) {
      const block = known.get(id) ?? newBlock(id, atMs)
      if (known.has(id)) block.restores++
      known.set(id, block)
      if (held.has(block)) hits++
      asked++
      block.lastUsedAtMs = atMs
      block.nextAt = nextUses(id, index)
      held.delete(block)
      held.add(block)
    }
    if (held.size <= most) continue
    for (const victim of policy([...held], held.size - most, atMs)) held.delete(victim)
  }
  return { hits, asked }
}

function newBlock(id: number, atMs: number): Block {
  return {
    id,
    bytes: BLOCK_TOKENS,
    tokens: BLOCK_TOKENS,
    createdAtMs: atMs,
    lastUsedAtMs: atMs,
    restores: 0,
    priority: 'normal',
    nextAt: 0,
  }
}

/** The index of the next request that asks for a block. */
function usesAfter(requests: readonly Asked[]): (id: number, index: number) => number {
  const uses = new Map<number, number[]>()
  for (const [index, { blocks }] of requests.entries()) {
    for (const id of blocks) {
      const known = uses.get(id)
      if (known) known.push(index)
      else uses.set(id, [index])
    }
  }
  // Asked in order, so what has passed is dropped from the front.
  const passed = new Map<number, number>()
  return (id, index) => {
    const list = uses.get(id) ?? []
    let at = passed.get(id) ?? 0
    while (at < list.length && (list[at] ?? 0) <= index) at++
    passed.set(id, at)
    return list[at] ?? Infinity
  }
}

/** Those of the lowest rank; of equal ones those that were used longest ago, which stand first. */
function lowest(rank: (block: Block) => number): Policy {
  return (held, count) =>
    held
      .map((block) => ({ block, value: rank(block) }))
      .toSorted((a, b) => a.value - b.value)
      .slice(0, count)
      .map(({ block }) => block)
}

function readTrace(path: string): Asked[] {
  const lines = readFileSync(path, 'utf8').trim().split('\n')
  return lines.map((line) => {
    const row = JSON.parse(line) as { readonly timestamp: number; readonly hash_ids: readonly number[] }
    return { atMs: row.timestamp, blocks: row.hash_ids }
  })
}

if (import.meta.main) {
  const report = new Report()
  for (const measurement of measureReplacement()) report.add(measurement)
}
