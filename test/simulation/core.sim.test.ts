import { expect, test } from 'vitest'
import type { Decision } from '../../src/spec/journal.ts'
import { CoreDriver } from './core-driver.ts'
import { makeScenario } from './scenario.ts'
import { seeds } from './seeds.ts'

const DECISIONS: readonly Decision[] = [
  'load',
  'load-retry',
  'load-done',
  'load-failed',
  'evict',
  'unload',
  'unload-done',
  'unload-failed',
  'grant',
  'wait',
  'reject',
  'request-retry',
  'quarantine',
  'engine-lost',
  'circuit-open',
  'circuit-close',
  'pin',
  'unpin',
  'keep-alive',
  'grow-window',
  'clamp-window',
  'slept',
  'reclaim-spare',
  'gpu-fewer-layers',
]

test('the core keeps its promises after every event, whatever goes wrong', { timeout: 120_000 }, () => {
  const seen = new Map<string, number>()
  for (const seed of seeds()) {
    try {
      for (const { decision, reason } of new CoreDriver(makeScenario(seed)).run()) {
        for (const name of [decision, reason ?? '']) seen.set(name, (seen.get(name) ?? 0) + 1)
      }
    } catch (error) {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
    }
  }
  if (seeds().length < 200) return
  // A simulation that never meets a fault proves nothing about it.
  const reasons = [
    'requested',
    'evicted',
    'idle',
    'crashed',
    'stuck',
    'out-of-memory',
    'taken',
    'shutdown',
    'queue-full',
  ]
  const refusals = ['queue-timeout', 'model-too-large', 'memory-limit-exceeded', 'model-limit-reached', 'load-timeout']
  for (const name of [...DECISIONS, ...reasons, ...refusals]) {
    expect(seen.get(name) ?? 0, `${name} never happened`).toBeGreaterThan(0)
  }
})

test('same seed, same history', () => {
  for (const seed of seeds().slice(0, 50)) {
    const first = new CoreDriver(makeScenario(seed)).run()
    expect(new CoreDriver(makeScenario(seed)).run(), `seed ${seed}`).toEqual(first)
  }
})
