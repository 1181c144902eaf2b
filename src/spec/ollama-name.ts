const DEFAULT_HOST = 'registry.ollama.ai'
const DEFAULT_NAMESPACE = 'library'
const DEFAULT_TAG = 'latest'
/** What Ollama allows of a host, a namespace, a model and a tag (types/model/name.go). */
const HOST = /^\w[\w.:-]{0,349}$/
const PART = /^\w[\w.-]{0,79}$/

/**
 * The name under which Ollama shows a model (`llama3.2:1b`, `user/model:tag`, `hf.co/user/repo:quant`), by the folders
 * that its manifest lies in; `undefined` where these are no such name.
 */
export function ollamaDisplayName(host: string, namespace: string, model: string, tag: string): string | undefined {
  if (!HOST.test(host) || ![namespace, model, tag].every((part) => PART.test(part))) return undefined
  if (host !== DEFAULT_HOST) return `${host}/${namespace}/${model}:${tag}`
  return namespace === DEFAULT_NAMESPACE ? `${model}:${tag}` : `${namespace}/${model}:${tag}`
}

/**
 * What all ways to write a name have in common: without the default host and namespace, with the default tag, in small
 * letters, because Ollama makes no difference of them.
 */
export function ollamaNameKey(name: string): string {
  const written = name.toLowerCase().replace(/^https?:\/\//, '')
  const withoutHost = written.startsWith(`${DEFAULT_HOST}/`) ? written.slice(DEFAULT_HOST.length + 1) : written
  const [first, second, ...rest] = withoutHost.split('/')
  const short = first === DEFAULT_NAMESPACE && second !== undefined && rest.length === 0 ? second : withoutHost
  return short.lastIndexOf(':') > short.lastIndexOf('/') ? short : `${short}:${DEFAULT_TAG}`
}

/** The name without the tag that goes without saying; `undefined` where it has another one. */
export function withoutDefaultTag(name: string): string | undefined {
  return name.endsWith(`:${DEFAULT_TAG}`) ? name.slice(0, -DEFAULT_TAG.length - 1) : undefined
}
