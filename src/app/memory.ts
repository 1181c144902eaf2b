import type { MemoryMeter } from '../spec/memory.ts'
import { LinuxMemoryMeter } from '../system/linux-memory-meter.ts'
import { PortableMemoryMeter } from '../system/portable-memory-meter.ts'
import { SystemClock } from '../system/system-clock.ts'

/** The meter for this system. */
export function createMemoryMeter(isGenerating: () => boolean): MemoryMeter {
  const clock = new SystemClock()
  return process.platform === 'linux' ? new LinuxMemoryMeter({ clock, isGenerating }) : new PortableMemoryMeter(clock)
}
