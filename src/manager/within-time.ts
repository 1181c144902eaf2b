import type { Clock } from '../spec/clock.ts'

/** As the work ends, or rejects with `late()` after so long; the work goes on then, and how it ends is nobody's any more. */
export function withinTime<Result>(
  work: Promise<Result>,
  clock: Clock,
  deadlineMs: number,
  late: () => Error,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(deadlineMs, () => reject(late()))
    work.then(resolve, reject).finally(() => timer.cancel())
  })
}
