import type { ProcessMemory } from './memory.ts'

/** What the embedded provider needs of the operating system about processes. Real: `system/process-meter.ts`. */
export interface ProcessMeter {
  /** RSS from `statm`, PSS from `smaps_rollup` when `withPss`; `undefined` once the process is gone. */
  read(pid: number, options?: { readonly withPss?: boolean }): Promise<ProcessMemory | undefined>
  /** Raises the process's `oom_score_adj` so that the kernel kills it before us; a no-op where there is none. */
  preferAsOomVictim(pid: number): Promise<void>
  /** Count of kernel OOM kills in our memory group so far; `undefined` where the system does not tell. */
  oomKillCount(): Promise<number | undefined>
}
