import { expect, test } from 'vitest'
import type { RecordedRequest } from './history.ts'
import { traceRows } from './trace-row.ts'

function recorded(changes: Partial<RecordedRequest> = {}): RecordedRequest {
  return {
    eventId: 1,
    endedAtMs: 1_010_500,
    requestId: 'req_1',
    modelId: 'smollm2',
    outcome: 'ok',
    arrivedAtMs: 1_000_000,
    queueWaitMs: 1_500,
    loadMs: 4_000,
    firstTextMs: 6_250,
    promptTokens: 20,
    cachedTokens: 12,
    generatedTokens: 34,
    durationMs: 10_500,
    footprintBytes: 312_345_678,
    ...changes,
  }
}

test('a request becomes a row of a trace, without its id', () => {
  expect(traceRows([recorded()])).toEqual([
    {
      t_s: 0,
      model: 'smollm2',
      size_gb: 0.312345678,
      exec_s: 5,
      queue_s: 1.5,
      load_s: 4,
      ttft_s: 6.25,
      prompt_tokens: 20,
      cached_tokens: 12,
      generated_tokens: 34,
      outcome: 'ok',
    },
  ])
  expect(traceRows([])).toEqual([])
})

test('rows come in order of arrival, with seconds since the first', () => {
  const late = recorded({ eventId: 1, arrivedAtMs: 1_001_234, modelId: 'late' })
  const early = recorded({ eventId: 2, arrivedAtMs: 1_000_000, modelId: 'early' })
  expect(traceRows([late, early]).map(({ t_s, model }) => [t_s, model])).toEqual([
    [0, 'early'],
    [1.234, 'late'],
  ])
})

const waited = { queueWaitMs: 0, loadMs: 0, firstTextMs: null, durationMs: 300_000 }

test.each([
  ['timed out in the queue', { ...waited, outcome: 'queue-timeout' }, 0],
  ['left before its turn', { ...waited, outcome: 'request-cancelled' }, 0],
  ['left after its first text', { ...waited, outcome: 'request-cancelled', firstTextMs: 5 }, 300],
  ['broke after its turn came', { ...waited, outcome: 'engine-lost', queueWaitMs: 1_000 }, 299],
  ['answered without text', { ...waited, outcome: 'ok' }, 300],
  ['waits longer than it took', { queueWaitMs: 9_000, loadMs: 9_000, durationMs: 10_000 }, 0],
] as const)('seconds served of a request that %s', (_, changes, served) => {
  expect(traceRows([recorded(changes)])[0]?.exec_s).toBe(served)
})
