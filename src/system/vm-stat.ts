/** Kinds of memory of a Mac, bytes. */
export interface VmStat {
  readonly wiredBytes: number
  /** What the compressor takes, not what it holds. */
  readonly compressorBytes: number
  readonly anonymousBytes: number
  /** Of the anonymous ones, those that their programs have given up. */
  readonly purgeableBytes: number
}

/** Reads the output of macOS's `vm_stat`; `undefined` when it is not that. Pages are of 4 or 16 KiB, as it says itself. */
export function parseVmStat(text: string): VmStat | undefined {
  const pageBytes = Number(/^Mach Virtual Memory Statistics: \(page size of (\d+) bytes\)/.exec(text)?.[1] ?? 0)
  const read = (name: string): number | undefined => {
    const pages = new RegExp(`^${name}:\\s+(\\d+)\\.$`, 'm').exec(text)?.[1]
    return pages === undefined ? undefined : Number(pages) * pageBytes
  }
  const wiredBytes = read('Pages wired down')
  const compressorBytes = read('Pages occupied by compressor')
  const anonymousBytes = read('Anonymous pages')
  const purgeableBytes = read('Pages purgeable')
  const isTold = [wiredBytes, compressorBytes, anonymousBytes, purgeableBytes].every((bytes) => bytes !== undefined)
  if (!pageBytes || !isTold) return undefined
  return { wiredBytes, compressorBytes, anonymousBytes, purgeableBytes } as VmStat
}

/**
 * What macOS cannot simply drop: wired and compressed memory, and what programs hold that is not a copy of a file and was
 * not given up. The same sum as Activity Monitor's "App Memory + Wired + Compressed".
 */
export function vmUsedBytes({ wiredBytes, compressorBytes, anonymousBytes, purgeableBytes }: VmStat): number {
  return wiredBytes + compressorBytes + Math.max(0, anonymousBytes - purgeableBytes)
}
