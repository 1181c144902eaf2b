import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buildLlamaServer } from './engines/build-llama-server.ts'
import { buildOllama } from './engines/build-ollama.ts'
import { findProgram, MissingTool } from './engines/build-step.ts'
import { ENGINES_FILE, engineCacheFolder, type RealEngine, type RealEngines } from './engines/cache-folder.ts'

/*
 * Finds the engines that `npm run test:real` runs grym against, or builds them into a cache outside the checkout: any
 * llama-server and any Ollama by `PATH` first. What cannot be had is told, and its tests say so; a build that breaks is
 * a failure.
 */

const cache = engineCacheFolder()
await mkdir(cache, { recursive: true })
const engines: RealEngines = {
  llamaServer: await findOrBuild('llama-server', buildLlamaServer),
  ollama: await findOrBuild('ollama', buildOllama),
}
await writeFile(join(cache, ENGINES_FILE), JSON.stringify(engines, null, 2))

async function findOrBuild(program: string, build: (cache: string) => Promise<string>): Promise<RealEngine> {
  const found = findProgram(program)
  if (found !== undefined) return say(program, { binary: found, from: 'found by PATH' })
  const startedAtMs = Date.now()
  process.stdout.write(`${program}: looked for in ${cache}, else built there; the first time that takes minutes.\n`)
  try {
    const binary = await build(cache)
    const seconds = Math.round((Date.now() - startedAtMs) / 1_000)
    return say(program, { binary, from: seconds > 2 ? `built in ${seconds} s` : 'built before' })
  } catch (error) {
    if (!(error instanceof MissingTool)) throw error
    return say(program, { missing: error.message })
  }
}

function say(program: string, engine: RealEngine): RealEngine {
  const words = 'binary' in engine ? `${engine.binary}, ${engine.from}` : `not tested: ${engine.missing}`
  process.stdout.write(`${program}: ${words}\n`)
  return engine
}
