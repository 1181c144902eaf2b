/** Which of its two architectures an Ollama has: its own runner up to 0.24, llama-server from 0.30 on. */
export type EngineAge = 'own-runner' | 'llama-server'

/** By the version that `/api/version` tells: `0.17.4`, `0.33.0-rc2`. */
export function engineAge(version: string): EngineAge {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10))
  return major > 0 || minor >= 30 ? 'llama-server' : 'own-runner'
}
