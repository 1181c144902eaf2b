/*
 * Runs after `npm install`: brings everything that the daemon and its processes import into the cache of compiled code,
 * so that even a first start finds it there. Node strips the types of a checkout with a program of its own, which takes
 * 20 MB in each process that needs it once.
 */
import { fileURLToPath } from 'node:url'
import { EngineProcess } from '../src/providers/embedded/engine-process.ts'
import { readGgufMetadata } from '../src/models/read-gguf-metadata.ts'
import { LinuxProcessMeter } from '../src/system/linux-process-meter.ts'
import { SystemClock } from '../src/system/system-clock.ts'

await Promise.all([import('../src/app/serve.ts'), import('../src/cli/main.ts'), import('../src/cli/verbs/serve.ts')])

const NOWHERE = '/nowhere.gguf'
const worker = new EngineProcess({
  clock: new SystemClock(),
  processMeter: new LinuxProcessMeter(),
  compileCacheFolder: fileURLToPath(new URL('../node_modules/.cache/grym-compiled', import.meta.url)),
  isForCpu: true,
  onExited: () => {},
  onLost: () => {},
})
// Both fail, as they should: by then each process has imported all it ever will.
const outcomes = await Promise.allSettled([worker.load(NOWHERE, 1, null), readGgufMetadata(NOWHERE)])
await worker.kill()
if (outcomes.some(({ status }) => status === 'fulfilled')) throw new Error(`${NOWHERE} was loaded`)
