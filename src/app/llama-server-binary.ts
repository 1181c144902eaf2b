import { access, constants } from 'node:fs/promises'
import { join } from 'node:path'
import type { EngineSettings } from '../config/engine-addresses.ts'
import { resourceError } from '../spec/errors.ts'

/** The `llama-server` of this machine: the one that is named, else by `PATH`. Rejects with `engine-missing`. */
export async function findLlamaServer({ llamaServer, programFolders }: EngineSettings): Promise<string> {
  if (llamaServer === 'off') {
    const message = 'A model is to run on llama-server, but engines.llamaServer is off. Change one of the two.'
    throw resourceError('engine-missing', message)
  }
  const isNamed = llamaServer !== 'auto'
  const program = process.platform === 'win32' ? 'llama-server.exe' : 'llama-server'
  const places = isNamed ? [llamaServer] : programFolders.map((folder) => join(folder, program))
  for (const path of places) if (await isExecutable(path)) return path
  const message = isNamed
    ? `There is no program ${llamaServer}, which engines.llamaServer names.`
    : 'No llama-server is found by PATH. Install llama.cpp, or set engines.llamaServer to its path.'
  throw resourceError('engine-missing', message)
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}
