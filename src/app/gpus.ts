import { AmdgpuSysfs } from '../system/amdgpu-sysfs.ts'
import { AmdSmi, RocmSmi } from '../system/amd-tools.ts'
import { AppleGpu } from '../system/apple-gpu.ts'
import type { GpuReader } from '../system/gpu-reader.ts'
import { SystemGpuMeter } from '../system/gpu-meter.ts'
import { NvidiaSmi } from '../system/nvidia-smi.ts'
import { SystemClock } from '../system/system-clock.ts'

/** Ways to read the GPUs of each system; one that is not named has none that can be read. */
const READERS: Readonly<Partial<Record<NodeJS.Platform, () => readonly (readonly GpuReader[])[]>>> = {
  linux: () => [[new NvidiaSmi()], [new AmdgpuSysfs(), new AmdSmi(), new RocmSmi()]],
  darwin: () => [[new AppleGpu()]],
  win32: () => [[new NvidiaSmi()]],
}

/** The meter of this system's GPUs. */
export function createGpuMeter(): SystemGpuMeter {
  return new SystemGpuMeter({ clock: new SystemClock(), readers: READERS[process.platform]?.() ?? [] })
}
