/**
 * Ollama runs models on runners of its own up to 0.24 and on llama-server from 0.30 on; between them lies no release. They
 * differ in what makes them load a model again, and in the words of their refusals.
 */
export type OllamaAge = 'own-runner' | 'llama-server'

/** An unknown version (`0.0.0` of a build by hand, a word) counts as new, which is what a build by hand mostly is. */
export function ollamaAge(version: string): OllamaAge {
  const [, major, minor] = /^v?(\d+)\.(\d+)\./.exec(version) ?? []
  const isReleased = major !== undefined && !/^v?0\.0\.0/.test(version)
  return isReleased && Number(major) === 0 && Number(minor) < 30 ? 'own-runner' : 'llama-server'
}
