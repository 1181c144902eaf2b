import type { ProcessMeter } from '../spec/system.ts'
import { LinuxProcessMeter } from '../system/linux-process-meter.ts'
import { readPsRss, readTasklistRss, ToolProcessMeter } from '../system/tool-process-meter.ts'

/** What reads the memory of processes on this system. */
export function createProcessMeter(): ProcessMeter {
  if (process.platform === 'win32') return new ToolProcessMeter(readTasklistRss)
  return process.platform === 'darwin' ? new ToolProcessMeter(readPsRss) : new LinuxProcessMeter()
}
