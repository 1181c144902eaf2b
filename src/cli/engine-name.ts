import type { Platform } from '../spec/model.ts'

const NAMES: Readonly<Record<Platform, string>> = {
  local: 'embedded',
  ollama: 'Ollama',
  lmstudio: 'LM Studio',
  server: 'server',
}

/** What people call the engine of a platform. */
export function engineName(platform: Platform): string {
  return NAMES[platform]
}
