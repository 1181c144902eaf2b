import type { Environment } from './environment.ts'
import type { ListenAddress } from './listen-address.ts'

const OLLAMA_PORT = 11_434
const ANY_HOSTS: ReadonlySet<string> = new Set(['0.0.0.0', '::', ''])

export interface OllamaHost {
  /** Where Ollama's server is said to be; absent = nothing usable is said. */
  readonly url?: string
  /** Why what is said is not used. */
  readonly notice?: string
}

/**
 * Reads `OLLAMA_HOST` as Ollama does: `host`, `host:port`, `:port`, `scheme://host:port`; the port is 11434 without a
 * scheme, else the scheme's. An address that is one of our own listeners would make us ask ourselves: it is ignored
 * with a notice. That is one with our port and our host, loopback and any host counting as one; this machine by another
 * name is found out by the header that our answers carry.
 */
export function ollamaHost(env: Environment, ours: readonly ListenAddress[]): OllamaHost {
  const written = (env['OLLAMA_HOST'] ?? '').trim().replaceAll(/^["']+|["']+$/g, '')
  if (written === '') return {}
  const match = /^(?:(https?):\/\/)?(\[[0-9a-f:.]+\]|[^:/\s[\]?#@]*)(?::(\d{1,5}))?(?:\/.*)?$/i.exec(written)
  const [, scheme = '', hostPart = '', portText] = match ?? []
  const defaultPort = scheme === '' ? OLLAMA_PORT : scheme.toLowerCase() === 'https' ? 443 : 80
  const port = portText === undefined ? defaultPort : Number(portText)
  if (!match || port > 65_535) {
    return { notice: `OLLAMA_HOST: '${written.slice(0, 100)}' is not used: it is no address such as 127.0.0.1:11434.` }
  }
  const host = hostPart.replaceAll(/[[\]]/g, '').toLowerCase()
  if (isListenedOn(host, port, ours)) {
    return { notice: `OLLAMA_HOST: '${written.slice(0, 100)}' is not used: it is grym itself.` }
  }
  const reachable = host === '::' ? '::1' : ANY_HOSTS.has(host) ? '127.0.0.1' : host
  const bracketed = reachable.includes(':') ? `[${reachable}]` : reachable
  return { url: `${scheme.toLowerCase() || 'http'}://${bracketed}:${port}` }
}

/** Whether an address is one at which we listen ourselves. */
export function isOwnAddress(url: string, ours: readonly ListenAddress[]): boolean {
  const { hostname, port, protocol } = new URL(url)
  const given = port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)
  return isListenedOn(hostname.replaceAll(/[[\]]/g, '').toLowerCase(), given, ours)
}

function isListenedOn(host: string, port: number, ours: readonly ListenAddress[]): boolean {
  return ours.some((listen) => port === listen.port && isOurs(host, listen.host))
}

/** By loopback we are reached where we listen on loopback or on any host, whichever of their names is written. */
function isOurs(host: string, listenHost: string): boolean {
  const ours = listenHost.toLowerCase()
  return host === ours || (isHere(host) && isHere(ours))
}

function isHere(host: string): boolean {
  return ANY_HOSTS.has(host) || host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host)
}
