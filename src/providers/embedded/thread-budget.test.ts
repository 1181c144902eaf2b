import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ThreadBudget, type ThreadedEngine, threadShares } from './thread-budget.ts'

describe('threadShares', () => {
  test('two engines on two cores get one thread each', () => {
    expect(threadShares(2, 2)).toEqual([1, 1])
    expect(threadShares(2, 1)).toEqual([2])
    expect(threadShares(7, 3)).toEqual([3, 2, 2])
  })

  test('the sum is the cores as long as there are no more engines than cores, and nobody starves', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 128 }), fc.integer({ min: 1, max: 128 }), (cores, engines) => {
        const shares = threadShares(cores, engines)
        const sum = shares.reduce((total, share) => total + share, 0)
        expect(shares).toHaveLength(engines)
        expect(sum).toBe(Math.max(cores, engines))
        expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1)
        expect(Math.min(...shares)).toBeGreaterThanOrEqual(1)
      }),
    )
  })
})

/** Remembers its threads; `settle` decides when a change has taken effect. */
class NotedEngine implements ThreadedEngine {
  threads = 0
  changes: number[] = []
  readonly #pending: (() => void)[] = []

  setThreads(threads: number): Promise<void> {
    this.changes.push(threads)
    return new Promise((resolve) =>
      this.#pending.push(() => {
        this.threads = threads
        resolve()
      }),
    )
  }

  settle(): void {
    this.#pending.shift()?.()
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

describe('ThreadBudget', () => {
  test('a lone engine gets all cores; a second one starts only when the first has given up its share', async () => {
    const budget = new ThreadBudget(2)
    const [first, second] = [new NotedEngine(), new NotedEngine()]
    const firstMayRun = budget.acquire(first)
    await turn()
    first.settle()
    await firstMayRun
    expect(first.threads).toBe(2)

    let mayRun = false
    const secondMayRun = budget.acquire(second).then(() => (mayRun = true))
    await turn()
    expect(first.changes).toEqual([2, 1])
    expect(second.changes).toEqual([])
    first.settle()
    await turn()
    expect(second.changes).toEqual([1])
    expect(mayRun).toBe(false)
    second.settle()
    await secondMayRun

    budget.release(second)
    await turn()
    expect(first.changes).toEqual([2, 1, 2])
    first.settle()
  })

  test('more engines than cores: the one too many waits for a release', async () => {
    const budget = new ThreadBudget(1)
    const [first, second] = [new NotedEngine(), new NotedEngine()]
    const firstMayRun = budget.acquire(first)
    await turn()
    first.settle()
    await firstMayRun
    void budget.acquire(second)
    await turn()
    expect(second.changes).toEqual([])
    budget.release(first)
    await turn()
    expect(second.changes).toEqual([1])
    second.settle()
  })

  test('a second run of the same engine needs no new share, and only the last release gives it back', async () => {
    const budget = new ThreadBudget(1)
    const [first, second] = [new NotedEngine(), new NotedEngine()]
    const acquired = budget.acquire(first)
    await turn()
    first.settle()
    await acquired
    await budget.acquire(first)
    void budget.acquire(second)
    budget.release(first)
    await turn()
    expect(second.changes).toEqual([])
    budget.release(first)
    await turn()
    expect(second.changes).toEqual([1])
    second.settle()
  })

  test('an engine that is gone does not hold the others up', async () => {
    const budget = new ThreadBudget(2)
    const gone: ThreadedEngine = { setThreads: () => Promise.reject(new Error('gone')) }
    await budget.acquire(gone)
    const next = new NotedEngine()
    const acquired = budget.acquire(next)
    await turn()
    next.settle()
    await acquired
    expect(next.threads).toBe(1)
  })

  test('whatever comes and goes, threads in use never exceed the cores', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 8 }),
        fc.array(fc.record({ engine: fc.integer({ min: 0, max: 9 }), starts: fc.boolean() }), { maxLength: 40 }),
        async (cores, acts) => {
          const budget = new ThreadBudget(cores)
          const running = new Map<number, number>()
          const held = new Map<number, number>()
          const engines = Array.from({ length: 10 }, (_, index): ThreadedEngine => ({
            async setThreads(threads) {
              await turn()
              held.set(index, threads)
            },
          }))
          const inUse = (): number =>
            [...running].reduce((sum, [index, runs]) => sum + (runs > 0 ? (held.get(index) ?? 0) : 0), 0)
          for (const { engine: index, starts } of acts) {
            const engine = engines[index]
            if (!engine) continue
            if (starts) {
              void budget.acquire(engine).then(() => running.set(index, (running.get(index) ?? 0) + 1))
            } else if ((running.get(index) ?? 0) > 0) {
              running.set(index, (running.get(index) ?? 0) - 1)
              budget.release(engine)
            }
            await turn()
            expect(inUse()).toBeLessThanOrEqual(cores)
          }
          for (let index = 0; index < 10; index++) await turn()
          expect(inUse()).toBeLessThanOrEqual(cores)
        },
      ),
      { numRuns: 50 },
    )
  })
})
