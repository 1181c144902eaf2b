/** Forgets the oldest entries of a map until at most `most` remain; a map keeps its entries in order of insertion. */
export function keepNewest(map: Map<string, unknown>, most: number): void {
  for (const oldest of map.keys()) {
    if (map.size <= most) return
    map.delete(oldest)
  }
}
