import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { SystemClock } from './system-clock.ts'

const MAX_DELAY_MS = 2 ** 31 - 1

describe('the time', () => {
  test('is whole milliseconds since the epoch, and never goes back', () => {
    const clock = new SystemClock()
    let lastMs = clock.nowMs()
    for (let turn = 0; turn < 10_000; turn++) {
      const nowMs = clock.nowMs()
      expect(nowMs).toBeGreaterThanOrEqual(lastMs)
      lastMs = nowMs
    }
    expect(Number.isSafeInteger(lastMs)).toBe(true)
    expect(Math.abs(lastMs - Date.now())).toBeLessThan(60_000)
  })

  test('does not follow a correction of the wall clock', () => {
    const clock = new SystemClock()
    const beforeMs = clock.nowMs()
    vi.useFakeTimers({ toFake: ['Date'], now: 0 })
    try {
      expect(Date.now()).toBe(0)
      expect(clock.nowMs()).toBeGreaterThanOrEqual(beforeMs)
    } finally {
      vi.useRealTimers()
    }
  })
})

describe('a timer', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  })

  afterEach(() => {
    vi.useRealTimers()
  })

  test('runs once, when its delay is over', () => {
    const run = vi.fn<() => void>()
    new SystemClock().setTimer(1_000, run)
    vi.advanceTimersByTime(999)
    expect(run).toHaveBeenCalledTimes(0)
    vi.advanceTimersByTime(1)
    expect(run).toHaveBeenCalledTimes(1)
    vi.advanceTimersByTime(10_000)
    expect(run).toHaveBeenCalledTimes(1)
  })

  test('that was cancelled does not run, and cancelling it again does no harm', () => {
    const run = vi.fn<() => void>()
    const timer = new SystemClock().setTimer(1_000, run)
    timer.cancel()
    timer.cancel()
    vi.advanceTimersByTime(10_000)
    expect(run).not.toHaveBeenCalled()
  })

  test.each([0, -5])('with a delay of %i ms runs in the next turn, not at once', (delayMs) => {
    const run = vi.fn<() => void>()
    new SystemClock().setTimer(delayMs, run)
    expect(run).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(run).toHaveBeenCalledTimes(1)
  })

  test.each([MAX_DELAY_MS - 1, MAX_DELAY_MS, MAX_DELAY_MS + 1, 1e15, Infinity])(
    'with a delay of %d ms waits, at most as long as Node can: a longer one would run at once',
    (delayMs) => {
      const run = vi.fn<() => void>()
      new SystemClock().setTimer(delayMs, run)
      vi.advanceTimersByTime(Math.min(delayMs, MAX_DELAY_MS) - 1)
      expect(run).not.toHaveBeenCalled()
      vi.advanceTimersByTime(1)
      expect(run).toHaveBeenCalledTimes(1)
    },
  )
})

test('a real timer does not keep the process alive', () => {
  const held = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const before = held()
  const timer = new SystemClock().setTimer(1_000_000, () => {})
  expect(held()).toBe(before)
  timer.cancel()
})
