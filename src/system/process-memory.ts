/** Resident bytes from `/proc/<pid>/statm` (proc(5)): the second number, in pages; 0 when it is not told. */
export function parseStatmRssBytes(text: string, pageBytes: number): number {
  return Number(/^\d+\s+(\d+)/.exec(text)?.[1] ?? 0) * pageBytes
}

/** PSS in bytes from `/proc/<pid>/smaps_rollup` (proc(5)); `undefined` when the kernel does not tell it. */
export function parsePssBytes(text: string): number | undefined {
  const match = /^Pss:\s+(\d+) kB$/m.exec(text)
  return match ? Number(match[1]) * 1_024 : undefined
}

/** Size of a page in bytes, from the first mapping of `/proc/self/smaps`; 4,096 when it is not told. */
export function parsePageBytes(smapsText: string): number {
  const match = /^KernelPageSize:\s+(\d+) kB$/m.exec(smapsText)
  return match ? Number(match[1]) * 1_024 : 4_096
}
