import { isIP } from 'node:net'

const LOCAL_ENDINGS = ['.localhost', '.local', '.internal']
const LOCAL_ADDRESSES = /^(?:127\.|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|0\.0\.0\.0$|::1?$|f[cd]|fe80:)/i

/** Whether a server on loopback answers to this `Host`: others are told 403, so that no web page can ask it. */
export function isAllowedHost(header: string | undefined): boolean {
  const host = (header ?? '').replace(/:\d+$/, '').replace(/^\[|\]$/g, '')
  if (isIP(host) !== 0) return LOCAL_ADDRESSES.test(host)
  return host === '' || host === 'localhost' || LOCAL_ENDINGS.some((ending) => host.endsWith(ending))
}
