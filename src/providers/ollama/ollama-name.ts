const DEFAULT_HOST = 'registry.ollama.ai/'
const DEFAULT_NAMESPACE = 'library/'

/**
 * What all ways to write a model's name have in common for Ollama: without the default host and namespace, with the tag
 * `latest` where none is said, in small letters, because it makes no difference of them (types/model/name.go).
 */
export function ollamaNameKey(name: string): string {
  const written = name.toLowerCase().replace(/^https?:\/\//, '')
  const withoutHost = written.startsWith(DEFAULT_HOST) ? written.slice(DEFAULT_HOST.length) : written
  const isLibrary = withoutHost.startsWith(DEFAULT_NAMESPACE) && withoutHost.split('/').length === 2
  const short = isLibrary ? withoutHost.slice(DEFAULT_NAMESPACE.length) : withoutHost
  return short.lastIndexOf(':') > short.lastIndexOf('/') ? short : `${short}:latest`
}
