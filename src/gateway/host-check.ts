import { isIP } from 'node:net'
import { resourceError } from '../spec/errors.ts'

export interface RequestOrigin {
  readonly host?: string | undefined
  readonly origin?: string | undefined
}

/**
 * Refuses requests that name a host which is not ours. A page on the web can make a browser send requests to loopback
 * under a name of its own (DNS rebinding); the Host header then still carries that name. The Origin header, where a
 * browser sends one, must be ours too. Throws `host-not-allowed`.
 */
export function checkHost({ host, origin }: RequestOrigin, allowedHosts: readonly string[]): void {
  const hostName = host === undefined ? undefined : hostNameOf(`http://${host}`)
  if (hostName === undefined || !isAllowed(hostName, allowedHosts)) throw refused('Host', host)
  if (origin === undefined) return
  const originName = hostNameOf(origin)
  if (originName === undefined || !isAllowed(originName, allowedHosts)) throw refused('Origin', origin)
}

function isAllowed(name: string, allowedHosts: readonly string[]): boolean {
  return isLoopback(name) || allowedHosts.some((allowed) => allowed.toLowerCase() === name)
}

/** `localhost` and what ends in it (RFC 6761), 127.0.0.0/8, ::1. */
export function isLoopback(name: string): boolean {
  const bare = name.replace(/^\[|\]$/g, '')
  if (isIP(bare) === 4) return bare.startsWith('127.')
  return bare === '::1' || bare === 'localhost' || bare.endsWith('.localhost')
}

function hostNameOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).hostname.toLowerCase() : undefined
}

function refused(header: string, value: string | undefined): Error {
  const shown = value === undefined ? 'nothing' : `'${value.slice(0, 100)}'`
  const message = `The ${header} header says ${shown}, which this daemon does not serve. Use 127.0.0.1 or localhost, or allow it with --allowed-hosts.`
  return resourceError('host-not-allowed', message)
}
