/**
 * Reads a "flat keyed" kernel file, one `name number` a line: `memory.stat`, `memory.events`, `memory.oom_control`,
 * `/proc/vmstat` (kernel: Documentation/admin-guide/cgroup-v2.rst, "Format").
 */
export function parseFlatKeyed(text: string): ReadonlyMap<string, number> {
  const values = new Map<string, number>()
  for (const line of text.split('\n')) {
    const match = /^(\S+)\s+(\d+)$/.exec(line.trim())
    if (match) values.set(match[1] ?? '', Number(match[2]))
  }
  return values
}
