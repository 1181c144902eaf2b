import { expect, test } from 'vitest'
import type { DownloadProgress } from '../spec/model-library.ts'
import { MAX_PULLS, SharedPulls } from './shared-pulls.ts'

interface Begun {
  readonly name: string
  readonly tell: (progress: DownloadProgress) => void
  readonly signal: AbortSignal
  readonly done: () => void
}

/** Downloads that the test ends; one that is told to stop fails at once. */
function conducted(): { readonly pulls: SharedPulls; readonly begun: Begun[] } {
  const begun: Begun[] = []
  const pulls = new SharedPulls(
    (name, tell, signal) =>
      new Promise<void>((resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('stopped')))
        begun.push({ name, tell, signal, done: resolve })
      }),
  )
  return { pulls, begun }
}

const never = (): AbortSignal => new AbortController().signal
const HALF = { source: 's', receivedBytes: 1, totalBytes: 2 }

test('two that want the same share one download, and both are told how far it is', async () => {
  const { pulls, begun } = conducted()
  const told: string[] = []
  const both = [pulls.pull('m', () => told.push('a'), never()), pulls.pull('m', () => told.push('b'), never())]
  expect(begun).toHaveLength(1)
  begun[0]?.tell(HALF)
  begun[0]?.done()
  await Promise.all(both)
  expect(told).toEqual(['a', 'b'])
})

test('a download ends when the last one leaves, not before; then it can begin anew', async () => {
  const { pulls, begun } = conducted()
  const [first, second] = [new AbortController(), new AbortController()]
  const left = [pulls.pull('m', () => {}, first.signal), pulls.pull('m', () => {}, second.signal)]
  first.abort()
  await expect(left[0]).rejects.toMatchObject({ reason: 'request-cancelled' })
  expect(begun[0]?.signal.aborted).toBe(false)
  second.abort()
  await expect(left[1]).rejects.toMatchObject({ reason: 'request-cancelled' })
  expect(begun[0]?.signal.aborted).toBe(true)
  const again = pulls.pull('m', () => {}, never())
  await expect.poll(() => begun.length).toBe(2)
  begun[1]?.done()
  await again
})

test('so many at once, and no more', async () => {
  const { pulls, begun } = conducted()
  const running = Array.from({ length: MAX_PULLS }, (_, index) => pulls.pull(`m${index}`, () => {}, never()))
  expect(begun).toHaveLength(MAX_PULLS)
  await expect(pulls.pull('more', () => {}, never())).rejects.toMatchObject({ reason: 'too-many-downloads' })
  begun[0]?.done()
  await running[0]
  const another = pulls.pull('more', () => {}, never())
  expect(begun).toHaveLength(MAX_PULLS + 1)
  for (const { done } of begun) done()
  await Promise.all([...running, another])
})
