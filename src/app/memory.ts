import type { MemoryMeter } from '../spec/memory.ts'
import { LinuxMemoryMeter } from '../system/linux-memory-meter.ts'
import { MachineMeter } from '../system/machine-meter.ts'
import { PortableMemoryMeter } from '../system/portable-memory-meter.ts'
import { SystemClock } from '../system/system-clock.ts'
import { createGpuMeter } from './gpus.ts'

/** The meter for this system. */
export function createMemoryMeter(isGenerating: () => boolean): MemoryMeter {
  return new MachineMeter(ramMeter(isGenerating), createGpuMeter())
}

function ramMeter(isGenerating: () => boolean): MemoryMeter {
  const clock = new SystemClock()
  return process.platform === 'linux' ? new LinuxMemoryMeter({ clock, isGenerating }) : new PortableMemoryMeter(clock)
}
