import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { findProgram, MissingTool, runStep } from '../engines/build-step.ts'
import type { RealEngine } from '../engines/cache-folder.ts'

/** Clients that are tested, as pip names them. */
export const PYTHON_CLIENTS = ['openai==3.57.0', 'anthropic==2.14.0', 'ollama==0.6.3'] as const

/** Where they are kept between runs and checkouts: `GRYM_PYTHON_CLIENTS_CACHE`, else the user's cache. */
function pythonClientsFolder(env: NodeJS.ProcessEnv = process.env): string {
  return env['GRYM_PYTHON_CLIENTS_CACHE'] || join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'grym-clients')
}

/** The Python that has {@link PYTHON_CLIENTS}, or why there is none; what {@link installPythonClients} left. */
export async function pythonWithClients(): Promise<RealEngine> {
  const { python, mark } = placesIn(pythonClientsFolder())
  const installed = existsSync(mark) ? await readFile(mark, 'utf8') : ''
  if (installed === PYTHON_CLIENTS.join('\n')) return { binary: python, from: 'installed before' }
  return { missing: 'nobody has installed them yet: `npm run test:real` does' }
}

/** Makes an environment of its own and installs them there, once. Throws {@link MissingTool} for what a person can get. */
export async function installPythonClients(): Promise<RealEngine> {
  const found = await pythonWithClients()
  if ('binary' in found) return found
  const folder = pythonClientsFolder()
  const { environment, python, mark } = placesIn(folder)
  const program = findProgram('python3')
  if (program === undefined) throw new MissingTool('python3 not installed (Debian: apt-get install python3-venv)')
  await rm(environment, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  const logPath = join(folder, 'install.log')
  const startedAtMs = Date.now()
  try {
    await runStep([program, '-m', 'venv', environment], { logPath })
    const quiet = ['--disable-pip-version-check', '--no-input', '--quiet']
    await runStep([python, '-m', 'pip', 'install', ...quiet, ...PYTHON_CLIENTS], { logPath })
  } catch (error) {
    // Python without venv, too old a Python, an index that cannot be reached: what it says is the way out.
    throw new MissingTool((error as Error).message)
  }
  await writeFile(mark, PYTHON_CLIENTS.join('\n'))
  return { binary: python, from: `installed in ${Math.round((Date.now() - startedAtMs) / 1_000)} s` }
}

function placesIn(folder: string): { readonly environment: string; readonly python: string; readonly mark: string } {
  const environment = join(folder, 'python')
  const isWindows = process.platform === 'win32'
  const python = isWindows ? join(environment, 'Scripts', 'python.exe') : join(environment, 'bin', 'python')
  // Written last: without it an installation that was broken off would count as one.
  return { environment, python, mark: join(environment, 'grym-clients.txt') }
}
