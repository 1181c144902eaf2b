import type { Clock } from '../../spec/clock.ts'

/**
 * What the work gives, or `undefined` when it has not come after so long, or fails: for what a request can do without.
 *
 * @param late what it gave too late, to be put away.
 */
export async function inTime<Value>(
  clock: Clock,
  work: Promise<Value>,
  deadlineMs: number,
  late: (value: Value) => void = () => {},
): Promise<Value | undefined> {
  const over = Promise.withResolvers<undefined>()
  let isLate = false
  const timer = clock.setTimer(deadlineMs, () => {
    isLate = true
    over.resolve(undefined)
  })
  const watched = async (): Promise<Value | undefined> => {
    try {
      const value = await work
      if (isLate) late(value)
      return value
    } catch {
      return undefined
    } finally {
      timer.cancel()
    }
  }
  return Promise.race([watched(), over.promise])
}
