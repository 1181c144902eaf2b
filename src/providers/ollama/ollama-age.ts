/**
 * Ollama runs models on runners of its own up to 0.24 and on llama-server from 0.30 on; between them lies no release. They
 * differ in what makes them load a model again, and in the words of their refusals.
 */
export type OllamaAge = 'own-runner' | 'llama-server'

/** By its version; `unknown` for a build by hand, which calls itself `0.0.0`, and for what is no version. */
export function ollamaAge(version: string): OllamaAge | 'unknown' {
  const [, major, minor] = /^v?(\d+)\.(\d+)\./.exec(version) ?? []
  if (major === undefined || /^v?0\.0\.0/.test(version)) return 'unknown'
  return Number(major) === 0 && Number(minor) < 30 ? 'own-runner' : 'llama-server'
}
