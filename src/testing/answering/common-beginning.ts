/** How many tokens two sequences have in common from their beginning: what a KV cache saves. */
export function commonBeginning(held: readonly string[], prompt: readonly string[]): number {
  const limit = Math.min(held.length, prompt.length)
  let count = 0
  while (count < limit && held[count] === prompt[count]) count++
  return count
}
