/** Longest delay that a timer of Node takes, ms. */
const NEVER_MS = 2 ** 31 - 1

/**
 * Keeps our own process from ending for want of anything to do until the work is over. grym's own timers and engines do
 * not hold it, so that importing grym is no reason to go on.
 */
export async function holdProcess<Result>(work: () => Promise<Result>): Promise<Result> {
  const guard = setTimeout(() => undefined, NEVER_MS)
  try {
    return await work()
  } finally {
    clearTimeout(guard)
  }
}
