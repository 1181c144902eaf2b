import type { Config } from '../config/config.ts'
import { AmdgpuSysfs } from '../system/amdgpu-sysfs.ts'
import { AmdSmi, RocmSmi } from '../system/amd-tools.ts'
import { AppleGpu } from '../system/apple-gpu.ts'
import type { GpuReader } from '../system/gpu-reader.ts'
import { SystemGpuMeter } from '../system/gpu-meter.ts'
import { NvidiaSmi } from '../system/nvidia-smi.ts'
import { SystemClock } from '../system/system-clock.ts'
import { VisibleGpus } from '../system/visible-gpus.ts'

/** Ways to read the GPUs of each system; one that is not named has none that can be read. */
function readersOf(system: NodeJS.Platform, nvidia: GpuReader): readonly (readonly GpuReader[])[] {
  if (system === 'linux') return [[nvidia], [new AmdgpuSysfs(), new AmdSmi(), new RocmSmi()]]
  if (system === 'darwin') return [[new AppleGpu()]]
  return system === 'win32' ? [[nvidia]] : []
}

/** The meter of this system's GPUs, as far as they may be seen. */
export function createGpuMeter({ cudaVisibleDevices }: Pick<Config, 'cudaVisibleDevices'>): SystemGpuMeter {
  const nvidia = new VisibleGpus(new NvidiaSmi(), cudaVisibleDevices)
  return new SystemGpuMeter({ clock: new SystemClock(), readers: readersOf(process.platform, nvidia) })
}
