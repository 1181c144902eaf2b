import type { GpuMeter } from '../spec/gpu.ts'
import type { MemoryMeter } from '../spec/memory.ts'
import { LinuxMemoryMeter } from '../system/linux-memory-meter.ts'
import { MacMemoryMeter } from '../system/mac-memory-meter.ts'
import { MachineMeter } from '../system/machine-meter.ts'
import { PortableMemoryMeter } from '../system/portable-memory-meter.ts'
import { SystemClock } from '../system/system-clock.ts'
import { WindowsMemoryMeter } from '../system/windows-memory-meter.ts'

/** The meter for this system. */
export function createMemoryMeter(gpus: GpuMeter, isGenerating: () => boolean): MemoryMeter {
  return new MachineMeter(ramMeter(isGenerating), gpus)
}

function ramMeter(isGenerating: () => boolean): MemoryMeter {
  const clock = new SystemClock()
  const { platform } = process
  if (platform === 'linux') return new LinuxMemoryMeter({ clock, isGenerating })
  if (platform === 'darwin') return new MacMemoryMeter(clock)
  return platform === 'win32' ? new WindowsMemoryMeter(clock) : new PortableMemoryMeter(clock)
}
