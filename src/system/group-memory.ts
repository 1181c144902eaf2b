/** What a memory group needs, in bytes; page cache that nobody maps is left out: it is never pressure. */
export interface GroupMemory {
  /** Anonymous memory and kernel memory that cannot be reclaimed. */
  readonly unreclaimableBytes: number
  readonly mappedFileBytes: number
}

/**
 * Splits `memory.stat` of a memory group.
 *
 * - cgroup v1: `total_rss`, `total_mapped_file` (kernel: Documentation/admin-guide/cgroup-v1/memory.rst §5.2)
 * - cgroup v2: `anon` + `slab_unreclaimable` + `kernel_stack`, `file_mapped` (cgroup-v2.rst, "memory.stat");
 *   this form is unverified: no machine with a v2 memory controller was at hand
 */
export function groupMemory(stat: ReadonlyMap<string, number>, version: 1 | 2): GroupMemory {
  const read = (name: string): number => stat.get(name) ?? 0
  if (version === 1) return { unreclaimableBytes: read('total_rss'), mappedFileBytes: read('total_mapped_file') }
  return {
    unreclaimableBytes: read('anon') + read('slab_unreclaimable') + read('kernel_stack'),
    mappedFileBytes: read('file_mapped'),
  }
}

/** Pages of files read again soon after they were dropped, ever since the group exists. */
export function refaultedFilePages(stat: ReadonlyMap<string, number>): number {
  return stat.get('total_workingset_refault_file') ?? stat.get('workingset_refault_file') ?? 0
}
