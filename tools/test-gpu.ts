import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createGpuMeter } from '../src/app/gpus.ts'
import { chooseBackend } from '../src/app/gpu-backend.ts'
import { installEngine } from '../src/app/engine-install.ts'
import { installedBackendsOf } from '../src/app/engine-packages.ts'
import { proxiesOf } from '../src/config/environment.ts'
import type { GpuBackend } from '../src/spec/gpu.ts'

/*
 * `npm run test:gpu [-- --software]`: the embedded engine with layers on a GPU of this machine. Where there is none, or
 * nothing to use it with, it says so and ends well. `--software` takes Mesa's Vulkan that computes on the CPU (Debian:
 * mesa-vulkan-drivers): layers, their memory and their answers are tested on it, never speed.
 *
 * Engines are taken from `<GRYM_HOME>/engines`, else installed into a folder of temporary files that stays.
 */

interface Found {
  readonly backend: GpuBackend
  readonly env: Readonly<Record<string, string>>
  /** Test files; empty = all. */
  readonly files: readonly string[]
}

const home = process.env['GRYM_HOME'] ?? join(tmpdir(), 'grym-test-gpu')
const found = process.argv.includes('--software') ? await software() : await hardware()
if (found) {
  const env = { ...process.env, ...found.env, GRYM_TEST_GPU: found.backend, GRYM_TEST_ENGINES: join(home, 'engines') }
  const { status } = spawnSync('npx', ['vitest', 'run', '--project', 'gpu', ...found.files], { stdio: 'inherit', env })
  process.exitCode = status ?? 1
}

async function hardware(): Promise<Found | undefined> {
  const gpus = await createGpuMeter({ cudaVisibleDevices: process.env['CUDA_VISIBLE_DEVICES'] }).read()
  if (gpus.length === 0) return say('No GPU whose memory can be read is here: nothing was run on one.')
  const { backend, why } = chooseBackend('auto', await installedBackendsOf({ home }), gpus)
  const names = gpus.map(({ name }) => name).join(', ')
  if (!backend) return say(`${names}: ${why}. Install an engine with \`grym engine install\` (GRYM_HOME=${home}).`)
  say(`On ${names} with ${backend}: ${why}.`)
  return { backend, env: {}, files: [] }
}

async function software(): Promise<Found | undefined> {
  const [driver] = globSync('/usr/share/vulkan/icd.d/lvp_icd*.json')
  if (!driver) {
    return say('No Vulkan in software is here (Debian: apt-get install mesa-vulkan-drivers): nothing was run.')
  }
  if (!(await installedBackendsOf({ home })).includes('vulkan')) {
    const config = { pull: { proxies: proxiesOf(process.env) }, userHome: homedir() }
    const signal = new AbortController().signal
    await installEngine('vulkan', config, { home }, { env: process.env, onProgress: () => {}, signal })
  }
  say(`On Vulkan in software (${driver}): no figure of speed means anything.`)
  // llama.cpp leaves devices that are CPUs alone unless they are named.
  const env = { VK_ICD_FILENAMES: driver, GGML_VK_VISIBLE_DEVICES: '0', GRYM_TEST_SOFTWARE: '1' }
  return { backend: 'vulkan', env, files: ['test/gpu-layers.gpu.test.ts', 'test/gpu-daemon.gpu.test.ts'] }
}

function say(text: string): undefined {
  process.stdout.write(`${text}\n`)
  return undefined
}
