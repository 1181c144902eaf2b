import { setImmediate } from 'node:timers/promises'

/** More than any piece of work has promises in a row. */
const MOST_STEPS = 1_000

/** Is this work over before anything else gets its turn? Then it was computed on the event loop, however it is called. */
export async function isDoneInThisTurn(work: Promise<unknown>): Promise<boolean> {
  const end = followed(work)
  for (let step = 0; step < MOST_STEPS && !end.isThere; step++) await Promise.resolve()
  return end.isThere
}

/** Turns of the event loop that others get while this work goes on. */
export async function turnsDuring(work: Promise<unknown>): Promise<number> {
  const end = followed(work)
  let turns = -1
  while (!end.isThere) {
    turns += 1
    await setImmediate()
  }
  await work
  return turns
}

function followed(work: Promise<unknown>): { isThere: boolean } {
  const end = { isThere: false }
  const note = (): void => void (end.isThere = true)
  work.then(note, note)
  return end
}
