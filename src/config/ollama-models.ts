import { posix, resolve, win32 } from 'node:path'
import type { Environment } from './environment.ts'
import { userHomeOf } from './state-folder.ts'

/** Where Ollama's own service for Linux keeps its models. */
const LINUX_SERVICE_FOLDER = '/usr/share/ollama/.ollama/models'

/**
 * Where Ollama may keep what it has downloaded, the first that is there counts: `OLLAMA_MODELS` and nothing else where
 * it is set (quotes and blanks are taken off, as Ollama does), else the user's folder, else on Linux the service's.
 */
export function ollamaModelFolders(env: Environment, platform: NodeJS.Platform): readonly string[] {
  const named = (env['OLLAMA_MODELS'] ?? '').trim().replaceAll(/^["']+|["']+$/g, '')
  if (named !== '') return [resolve(named)]
  // A Unix shell on Windows has a HOME of its own; Ollama asks for the profile.
  if (platform === 'win32') return [win32.join(env['USERPROFILE'] || userHomeOf(env), '.ollama', 'models')]
  const own = posix.join(userHomeOf(env), '.ollama', 'models')
  return platform === 'linux' ? [own, LINUX_SERVICE_FOLDER] : [own]
}
