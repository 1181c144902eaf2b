/** Longest delay that a timer of Node takes, ms. */
const NEVER_MS = 2 ** 31 - 1

/**
 * Keeps our own process from ending for want of anything to do, until it is disposed of. grym's own timers and engines do
 * not hold it, so that importing grym is no reason to go on.
 */
export function holdProcess(): Disposable {
  const guard = setTimeout(() => undefined, NEVER_MS)
  return { [Symbol.dispose]: () => clearTimeout(guard) }
}
