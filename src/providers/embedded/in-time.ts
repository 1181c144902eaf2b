import type { Clock } from '../../spec/clock.ts'

/**
 * What the work gives, or `undefined` when it has not come after so long, or fails: for what a request can do without.
 *
 * @param late what it gave too late, to be put away.
 */
export function inTime<Value>(
  clock: Clock,
  work: Promise<Value>,
  deadlineMs: number,
  late: (value: Value) => void = () => {},
): Promise<Value | undefined> {
  return new Promise((resolve) => {
    let isLate = false
    const timer = clock.setTimer(deadlineMs, () => {
      isLate = true
      resolve(undefined)
    })
    work.then(
      (value) => {
        timer.cancel()
        if (isLate) late(value)
        else resolve(value)
      },
      () => {
        timer.cancel()
        resolve(undefined)
      },
    )
  })
}
