/** Names that may have been meant: those that contain what was written, or differ in few letters; at most `most`. */
export function nearMatches(written: string, names: readonly string[], most = 3): string[] {
  const wanted = written.toLowerCase()
  return names
    .map((name) => ({ name, distance: distanceOf(wanted, name.toLowerCase()) }))
    .filter(({ distance }) => distance <= Math.max(2, wanted.length / 3))
    .sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1))
    .slice(0, most)
    .map(({ name }) => name)
}

function distanceOf(wanted: string, name: string): number {
  if (wanted.length > 2 && name.includes(wanted)) return 0.5
  if (isOtherTag(wanted, name)) return 0.75
  return editDistance(wanted, name)
}

/** Ollama's names with a tag that is not there; what stands before the colon is no engine's prefix. */
function isOtherTag(wanted: string, name: string): boolean {
  const [model = '', tag] = wanted.split(':')
  const isPrefix = /^(?:lmstudio|server|local)$/.test(model)
  return tag !== undefined && !isPrefix && name.split(':')[0] === model
}

/** Levenshtein's distance: letters to insert, delete or replace. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
