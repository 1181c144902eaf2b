import { expect, test } from 'vitest'
import { describeDecision } from './decision-words.ts'
import type { JournalEntry } from './journal.ts'

const ROOM = {
  addedBytes: 412_345_678,
  committedBytes: 1_100_000_000,
  budgetBytes: 1_600_000_000,
  modelsInMemory: 2,
  maxModelsLoaded: 3,
}
const TIGHT = { ...ROOM, budgetBytes: 1_300_000_000, running: 0 }
const NEXT_IN_LINE = 'and next in line (lower priority first, then least recently used)'

function words(decision: JournalEntry['decision'], inputs: JournalEntry['inputs'] = {}, reason?: string): string {
  const entry = { atMs: 1, decision, modelId: 'a', inputs, ...(reason !== undefined && { reason }) }
  return describeDecision(entry as JournalEntry)
}

test.each([
  [
    words('load', { ...ROOM, attempt: 1 }),
    'being loaded: it needed 412.3 MB, 1.1 GB of the 1.6 GB for models were in use, 2 of at most 3 models were in memory',
  ],
  [words('load', { attempt: 2 }), 'being loaded, attempt 2'],
  [words('keep-alive', { keepAliveMs: 300_000 }), 'its idle timer was set by a request: 5m 0s'],
  [
    words('keep-alive', { keepAliveMs: 0 }),
    'its idle timer was set by a request: it leaves as soon as nothing is served',
  ],
  [words('keep-alive'), 'its idle timer was set by a request: it has none, and is evicted last'],
  [
    words('grow-window', { contextTokens: 4_096, wishedTokens: 8_192 }),
    'its window is to grow from 4096 to 8192 tokens, as a request wishes: it is loaded anew once',
  ],
  [
    words('clamp-window', { contextTokens: 4_096, wishedTokens: 8_192 }, 'something-new'),
    'it could not be loaded with a window of 8192 tokens, so 4096 must do, something-new',
  ],
  [words('load', { attempt: 1, gpuLayers: 31 }), 'being loaded, 31 of its layers on GPUs'],
  [
    words('gpu-fewer-layers', { triedLayers: 31, mostLayers: 15 }, 'gpu-out-of-memory'),
    '31 of its layers could not lie on GPUs, so at most 15 are tried, gpu-out-of-memory: the layers that were to lie on GPUs found no room there; fewer of them are tried',
  ],
  [words('load-retry', { delayMs: 1_500, attempt: 2 }), 'to be loaded again in 1.5s, as attempt 2'],
  [
    words('load-done', { loadMs: 4_200, footprintBytes: 412_345_678, footprintSource: 'measured' }),
    'loaded in 4.2s: takes 412.3 MB, measured',
  ],
  [
    words('load-failed', { attempt: 1 }, 'model-file-missing'),
    'attempt 1 to load it failed, model-file-missing: the model file is gone',
  ],
  [
    words('evict', TIGHT, 'evicted'),
    `evicted to make room for 412.3 MB: 1.1 GB of the 1.3 GB for models were in use; it was idle ${NEXT_IN_LINE}`,
  ],
  [
    words('evict', { ...TIGHT, idleMs: 90_000, forModel: 'b' }, 'evicted'),
    `evicted to make room for 412.3 MB for b: 1.1 GB of the 1.3 GB for models were in use; it was idle for 1m 30s ${NEXT_IN_LINE}`,
  ],
  [
    words('evict', { ...ROOM, modelsInMemory: 3, running: 0 }, 'evicted'),
    `evicted to make a place: 3 of at most 3 models were in memory; it was idle ${NEXT_IN_LINE}`,
  ],
  [
    words('unload', { idleMs: 300_000, running: 0 }, 'idle'),
    'to leave memory: it was idle for longer than its timer allows, for 5m 0s',
  ],
  [
    words('unload', { running: 1 }, 'requested'),
    'to leave memory: somebody asked for it, once 1 request being served is answered',
  ],
  [
    words('unload', { running: 2 }, 'shutdown'),
    'to leave memory: the daemon stops, once 2 requests being served are answered',
  ],
  [
    words('unload-done', { footprintBytes: 5_000_000 }, 'out-of-memory'),
    'left memory: the kernel killed the engine for lack of memory; it took 5.0 MB',
  ],
  [
    words('unload-failed', {}, 'unload-failed'),
    'could not be unloaded and stays in memory, unload-failed: the engine could not be made to give the model back',
  ],
  [words('grant', { running: 1, waiting: 0 }), 'a request got its turn; 0 still wait'],
  [words('grant', { running: 3, waiting: 4 }), 'a request got its turn, beside 2 others on this model; 4 still wait'],
  [
    words('wait', { waitsFor: 'memory', waiting: 3 }),
    'a request waits for memory that other models hold; 3 in the queue',
  ],
  [words('wait', { waitsFor: 'moonlight', waiting: 1 }), 'a request waits for moonlight; 1 in the queue'],
  [
    words('reject', { waitedFor: 'load' }, 'queue-timeout'),
    'a request was refused while it waited for the model to load, queue-timeout: the request waited longer than ' +
      '`limits.loadTimeout` for its turn',
  ],
  [words('reject', { waitedFor: '' }, 'shutting-down'), 'a request was refused, shutting-down: the daemon is stopping'],
  [words('reject', {}, 'something-new'), 'a request was refused, something-new'],
  [
    words('request-retry', { crashes: 1 }),
    'a request went back to its place in the queue: the engine was lost under it, for the first time',
  ],
  [
    words('quarantine', { crashes: 2, durationMs: 600_000 }),
    'a request is not tried again for 10m 0s: the engine was lost under it twice',
  ],
  [
    words('engine-lost', { running: 0 }, 'crashed'),
    'the engine was lost: the engine process ended by itself; nothing was being served',
  ],
  [
    words('engine-lost', { running: 2 }, 'stuck'),
    'the engine was lost: the engine made no progress and was ended; 2 requests were being served',
  ],
  [
    words('circuit-open', { failuresInARow: 4, openMs: 60_000 }),
    'not loaded for the next 1m 0s: 4 attempts failed in a row',
  ],
  [words('circuit-close', { failuresInARow: 4 }), 'may be loaded as before: it worked after 4 failures in a row'],
  [words('pin'), 'pinned: it stays in memory once it is there'],
  [words('unpin'), 'no longer pinned: it may be evicted, and its idle timer counts'],
  [
    words('reclaim-spare', { spareBytes: 90_000_000, committedBytes: 900_000_000, pressureRatio: 0.75 }),
    'the spare engine process was given back, 90.0 MB: 900.0 MB were committed with it, at a pressure of 0.75',
  ],
  [words('slept', { gapMs: 7_200_000 }), 'the machine slept for 2h 0m: no deadline and no idle timer ran meanwhile'],
  [
    words('allocate', { ...ROOM, allocatedBytes: 500_000_000 }),
    '500.0 MB promised to it: it needed 412.3 MB, 1.1 GB of the 1.6 GB for models were in use, ' +
      '2 of at most 3 models were in memory',
  ],
  [
    words('allocation-over', { allocatedBytes: 500_000_000 }, 'idle'),
    'the promise of 500.0 MB to it ended: it was idle for longer than its timer allows',
  ],
])('%s', (said, expected) => {
  expect(said).toBe(expected)
})

test('what there are no words for is listed by name, and the request is named', () => {
  const inputs = { gapMs: 5, spareBytes: 1_000, waitMs: 90, isLast: true, why: 'x' }
  expect(describeDecision({ atMs: 1, decision: 'slept', requestId: 'req_1', inputs })).toBe(
    'the machine slept for 5ms: no deadline and no idle timer ran meanwhile (spareBytes 1.0 kB, waitMs 90ms, isLast true, why x, req_1)',
  )
})

test('a decision of another version is told by its name', () => {
  const entry = { atMs: 1, decision: 'toString', inputs: { moves: 3 } } as unknown as JournalEntry
  expect(describeDecision(entry)).toBe('toString (moves 3)')
})
