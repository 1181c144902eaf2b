import { resourceError } from '../spec/errors.ts'

export interface ListenAddress {
  readonly host: string
  /** 0 = any free one. */
  readonly port: number
}

export const DEFAULT_PORT = 11_500

/**
 * Reads `host`, `host:port`, `http://host:port` and `[::1]:port`. Throws `invalid-request` on anything else.
 *
 * @param port the one of a text without a port; default 11500.
 */
export function parseListenAddress(text: string, port: number = DEFAULT_PORT): ListenAddress {
  const address = readListenAddress(text, port)
  if (address) return address
  const message = `'${text}' is no address to listen on. Write 127.0.0.1, 127.0.0.1:11500 or http://127.0.0.1:11500.`
  throw resourceError('invalid-request', message)
}

function readListenAddress(text: string, port: number = DEFAULT_PORT): ListenAddress | undefined {
  const bare = text
    .trim()
    .replace(/^http:\/\//, '')
    .replace(/\/$/, '')
  const match = /^(\[[0-9a-f:.]+\]|[^:/\s[\]]+)(?::(\d{1,5}))?$/i.exec(bare)
  const written = match?.[2] === undefined ? port : Number(match[2])
  const host = match?.[1]?.replace(/^\[|\]$/g, '')
  return host && written <= 65_535 ? { host, port: written } : undefined
}

/** The address as a URL that a client can use; `0.0.0.0` and `::` are reached over loopback. */
export function urlOf({ host, port }: ListenAddress): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`
}

/** Whether {@link parseListenAddress} takes it. */
export function isListenAddress(text: string): boolean {
  return readListenAddress(text) !== undefined
}
