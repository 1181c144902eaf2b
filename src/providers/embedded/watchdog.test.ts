import { describe, expect, test } from 'vitest'
import { VirtualClock } from '../../testing/virtual-clock.ts'
import { MAX_MISSED_PINGS, PING_INTERVAL_MS, pieceDeadlineMs, type StuckFinding, Watchdog } from './watchdog.ts'

function watch(answers: () => boolean): { clock: VirtualClock; dog: Watchdog; findings: StuckFinding[] } {
  const clock = new VirtualClock(0)
  const findings: StuckFinding[] = []
  const dog: Watchdog = new Watchdog({
    clock,
    ping: (sequence) => {
      if (answers()) dog.notePong(sequence)
    },
    onStuck: (finding) => findings.push(finding),
  })
  return { clock, dog, findings }
}

describe('Watchdog', () => {
  test('an engine that answers its pings is left alone for ever', async () => {
    const { clock, findings } = watch(() => true)
    await clock.advanceTo(100 * PING_INTERVAL_MS)
    expect(findings).toEqual([])
  })

  test('an engine that stops answering is found after the allowed number of pings, and not before', async () => {
    let isThere = true
    const { clock, findings } = watch(() => isThere)
    await clock.advanceTo(10 * PING_INTERVAL_MS)
    isThere = false
    await clock.advanceTo((10 + MAX_MISSED_PINGS) * PING_INTERVAL_MS)
    expect(findings).toEqual([])
    await clock.advanceTo((11 + MAX_MISSED_PINGS) * PING_INTERVAL_MS)
    expect(findings).toEqual([{ detail: `no sign of life for ${MAX_MISSED_PINGS} s` }])
  })

  test('a machine that slept is not a silent engine', async () => {
    const { clock, findings } = watch(() => true)
    await clock.advanceTo(5 * PING_INTERVAL_MS)
    clock.sleep(3_600_000)
    await clock.advanceTo(clock.nowMs() + 5 * PING_INTERVAL_MS)
    expect(findings).toEqual([])
  })

  test('a run that makes no progress within its deadline is named, although the engine answers', async () => {
    const { clock, dog, findings } = watch(() => true)
    dog.noteProgress(7, 'prefill', 2_000)
    await clock.advanceTo(40_000)
    expect(findings).toEqual([])
    await clock.advanceTo(42_000)
    expect(findings).toEqual([{ detail: 'no progress for 41.0 s while in prefill', runId: 7, phase: 'prefill' }])
  })

  test('progress starts the deadline anew, and a run that is over has none', async () => {
    const { clock, dog, findings } = watch(() => true)
    for (let atMs = 0; atMs < 100_000; atMs += 10_000) {
      dog.noteProgress(1, 'decode', 50)
      await clock.advanceTo(atMs + 10_000)
    }
    dog.noteRunOver(1)
    await clock.advanceTo(300_000)
    expect(findings).toEqual([])
  })

  test('stopped, it says nothing more', async () => {
    const { clock, dog, findings } = watch(() => false)
    dog.stop()
    await clock.advanceTo(100_000)
    expect(findings).toEqual([])
  })
})

describe('pieceDeadlineMs', () => {
  test('follows from the measured speed, within a floor and what is not known yet', () => {
    expect(pieceDeadlineMs('prefill', 2_000)).toBe(40_000)
    expect(pieceDeadlineMs('decode', 30)).toBe(15_000)
    expect(pieceDeadlineMs('wait', 0)).toBe(Infinity)
    expect(pieceDeadlineMs('search', 0)).toBe(Infinity)
    expect(pieceDeadlineMs('save', 500)).toBe(15_000)
    expect(pieceDeadlineMs('restore', 1_000)).toBe(20_000)
    expect(pieceDeadlineMs('prefill', 0)).toBe(60_000)
    expect(pieceDeadlineMs('render', 0)).toBe(5_000)
  })
})
