import { ResourceError, resourceError } from '../spec/errors.ts'
import { isListenAddress, type ListenAddress, parseListenAddress } from './listen-address.ts'

/** A unix socket to listen on. */
export interface SocketAddress {
  readonly socketPath: string
}

/** Where the daemon listens. */
export interface Listeners {
  /** By which clients of the same state folder find it. */
  readonly listen: ListenAddress
  /** Opened after it. */
  readonly furtherListeners: readonly (ListenAddress | SocketAddress)[]
}

export interface ListenersInput {
  /** `listen` as it was picked: of the environment, else of the file. */
  readonly picked: string | readonly string[]
  /** Who wrote that. */
  readonly source: string
  /** `listen` as the file has it: further addresses come from there alone. */
  readonly inFile: string | readonly string[] | undefined
  readonly flags: Readonly<Record<string, string | number | undefined>>
}

/**
 * `--host` and `--port` win over `GRYM_HOST` and the file, each on its own; all of them mean the first address. Throws
 * `invalid-request`.
 */
export function listenersOf({ picked, source, inFile, flags }: ListenersInput): Listeners {
  const [first = ''] = listOf(picked)
  const listen = listenAddress(source, first, flags)
  const furtherListeners = listOf(inFile).slice(1).map(readFurther)
  return { listen, furtherListeners }
}

/** The addresses among listeners. */
export function addressesOf({ listen, furtherListeners }: Listeners): readonly ListenAddress[] {
  return [listen, ...furtherListeners.filter((further) => 'port' in further)]
}

/** A listener as a person writes it. */
export function listenerText(listener: ListenAddress | SocketAddress): string {
  if ('socketPath' in listener) return `unix:${listener.socketPath}`
  return `${listener.host.includes(':') ? `[${listener.host}]` : listener.host}:${listener.port}`
}

/** The path of `unix:/path`; `undefined` = it is none. */
export function socketPathOf(written: string): string | undefined {
  return written.startsWith('unix:') && !isListenAddress(written) ? written.slice('unix:'.length) : undefined
}

function readFurther(written: string): ListenAddress | SocketAddress {
  const socketPath = socketPathOf(written)
  return socketPath === undefined ? parseListenAddress(written) : { socketPath }
}

function listOf(written: string | readonly string[] | undefined): readonly string[] {
  return typeof written === 'string' ? [written] : (written ?? [])
}

function listenAddress(source: string, text: string, flags: ListenersInput['flags']): ListenAddress {
  const host = flags['--host']
  const inherited = readAddress(source, text)
  const base = host === undefined ? inherited : readAddress('--host', String(host), inherited.port)
  const port = flags['--port']
  if (port === undefined) return base
  const wanted = Number(port)
  if (!Number.isInteger(wanted) || wanted < 0 || wanted > 65_535 || String(port).trim() === '') {
    const message = `--port (listen): '${port}' is not allowed: a whole number from 0 to 65535.`
    throw resourceError('invalid-request', message, { details: { key: 'listen' } })
  }
  return { host: base.host, port: wanted }
}

function readAddress(name: string, text: string, port?: number): ListenAddress {
  try {
    return parseListenAddress(text, port)
  } catch (error) {
    if (!(error instanceof ResourceError)) throw error
    throw resourceError('invalid-request', `${name} (listen): ${error.message}`, { details: { key: 'listen' } })
  }
}
