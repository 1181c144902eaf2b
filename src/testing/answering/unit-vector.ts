import { createHash } from 'node:crypto'

/** An embedding: numbers made from a digest of the text, scaled to length 1. */
export function unitVector(text: string, length: number): number[] {
  const digest = createHash('sha256').update(text).digest()
  let state = digest.readUInt32LE(0) | 1
  const numbers = Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 31 - 1
  })
  const norm = Math.hypot(...numbers)
  return numbers.map((number) => number / norm)
}
