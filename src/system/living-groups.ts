/** Something that has to be gone before our own process is. */
export interface LivingGroup {
  /** Kills it without waiting for anything. */
  kill(): void
}

const living = new Set<LivingGroup>()
let isListening = false

/**
 * Kills the group when our own process ends, by `process.exit`, by an uncaught error or for want of anything to do. (One
 * that is killed itself runs nothing any more; what it leaves is ended by the next start, see `worker-registry.ts`.)
 * @returns to be called once the group is gone: its id may be given to another one after that.
 */
export function killAtExit(group: LivingGroup): () => void {
  // Not before there is something to kill: importing grym adds no listener to anybody's process.
  if (!isListening) process.once('exit', killAll)
  isListening = true
  living.add(group)
  return () => void living.delete(group)
}

function killAll(): void {
  const faults: unknown[] = []
  for (const group of living) {
    try {
      group.kill()
    } catch (error) {
      // One that may not be signalled must not be the reason why the others live on.
      faults.push(error)
    }
  }
  if (faults.length > 0) throw new AggregateError(faults, 'Processes could not be ended.')
}
