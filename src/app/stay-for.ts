/** Longest delay that a timer of Node takes, ms. */
const NEVER_MS = 2 ** 31 - 1

/**
 * Keeps our own process from ending for want of anything to do until the work is over. grym's own timers and engines do not
 * hold it, so that importing grym is no reason to go on: a program may end with models in memory, but not while it waits
 * for a call. Put around what somebody awaits: the library's calls and the verbs.
 */
export async function stayFor<Result>(work: Promise<Result>): Promise<Result> {
  const guard = setTimeout(() => undefined, NEVER_MS)
  try {
    return await work
  } finally {
    clearTimeout(guard)
  }
}
