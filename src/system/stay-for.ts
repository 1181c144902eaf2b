/** Longest delay that a timer of Node takes, ms. */
const NEVER_MS = 2 ** 31 - 1

/**
 * Keeps our own process from ending for want of anything to do until the work is over. Engines and the timers of the
 * clock do not hold it: a program that uses the library may end with models in memory, but not while it waits for one.
 */
export async function stayFor<Result>(work: Promise<Result>): Promise<Result> {
  const guard = setTimeout(() => undefined, NEVER_MS)
  try {
    return await work
  } finally {
    clearTimeout(guard)
  }
}
