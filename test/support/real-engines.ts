import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ENGINES_FILE, engineCacheFolder, type RealEngine, type RealEngines } from '../../tools/engines/cache-folder.ts'

/** What `tools/real-engines.ts` found or built. */
export async function realLlamaServer(): Promise<RealEngine> {
  return (await realEngines()).llamaServer
}

export async function realOllama(): Promise<RealEngine> {
  return (await realEngines()).ollama
}

async function realEngines(): Promise<RealEngines> {
  try {
    return JSON.parse(await readFile(join(engineCacheFolder(), ENGINES_FILE), 'utf8')) as RealEngines
  } catch {
    const missing = { missing: 'nobody has looked for engines yet: `npm run test:real` does' }
    return { llamaServer: missing, ollama: missing }
  }
}
