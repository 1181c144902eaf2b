/** Reads `/proc/meminfo` (proc(5)): sizes in bytes by name; the file counts in kB of 1,024 bytes. Counts of pages are left out. */
export function parseMeminfo(text: string): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>()
  for (const line of text.split('\n')) {
    const match = /^(\S+):\s+(\d+)\s+kB$/.exec(line.trim())
    if (match) sizes.set(match[1] ?? '', Number(match[2]) * 1_024)
  }
  return sizes
}
