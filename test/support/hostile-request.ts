import type { Random } from '../simulation/random.ts'

export interface RouteUnderTest {
  readonly method: string
  readonly url: string
}

export interface HostileRequest {
  readonly bytes: Buffer
  readonly path: string
}

const LARGE_HEADER_BYTES = 20_000
const DEEP_LEVELS = 5_000
const FIELDS = [
  ...['model', 'messages', 'prompt', 'input', 'stream', 'temperature', 'max_tokens', 'stop', 'tools', 'tool_choice'],
  ...[
    'response_format',
    'format',
    'options',
    'keep_alive',
    'ttl',
    'pin',
    'priority',
    'seed',
    'images',
    'suffix',
    'name',
  ],
  ...[
    'system',
    'logprobs',
    'top_p',
    'n',
    'thinking',
    'metadata',
    'stream_options',
    '__proto__',
    'constructor',
    'toString',
  ],
] as const
const ODD_HEADERS = [
  'X-Grym-Keep-Alive: forever and a day',
  'X-Grym-Priority: 1e9',
  'X-Grym-Conversation: \u0001',
  `X-Grym-Conversation: ${'c'.repeat(300)}`,
  'Authorization: Bearer',
  'anthropic-version: 2023-06-01',
  'Content-Type: \u00ff/\u00fe',
  'Content-Type: multipart/form-data; boundary=',
  'Accept: text/html, */*;q=zzz',
  'Last-Event-ID: -1',
  'Expect: 100-continue',
  'Expect: the unexpected',
  'Origin: http://evil.test',
  'Origin: null',
  'Cookie: =;=;=',
  'Transfer-Encoding: gzip',
  'Content-Encoding: gzip',
] as const
const ODD_PATHS = [
  '/%',
  '/%00',
  '/..%2f..%2fetc/passwd',
  '//',
  '/v1//models',
  '/v1/models/%ff',
  '/\u00e9',
  '*',
  'http://x/',
  '/a b',
]
const HOSTS = ['127.0.0.1', 'localhost', '[::1]', 'evil.test', '', 'a b', '127.0.0.1:99999', '127.0.0.1@evil.test']
const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY', 'BREW', 'post']

/** A request that is malformed or hostile in ways that the chance chooses; mostly of one of these routes. */
export function hostileRequest(chance: Random, routes: readonly RouteUnderTest[]): HostileRequest {
  const route = chance.pick(routes)
  const path = chance.chance(0.06) ? chance.pick(ODD_PATHS) : filled(route.url, chance)
  const method = chance.chance(0.06) ? chance.pick(METHODS) : route.method
  const query = chance.chance(0.1)
    ? `?${chance.pick(['limit=-1', 'limit=1e9', 'a[__proto__]=1', '%', 'before=x', '&&&=', `m=${'x'.repeat(3_000)}`])}`
    : ''
  const version = chance.chance(0.02) ? chance.pick(['HTTP/9.9', 'HTTP/1.0', 'FTP/1.1', '']) : 'HTTP/1.1'
  const headers = [`Host: ${chance.chance(0.08) ? chance.pick(HOSTS) : '127.0.0.1'}`, 'Connection: close']
  if (chance.chance(0.3)) headers.push(chance.pick(ODD_HEADERS))
  if (chance.chance(0.02)) headers.push(`X-Large: ${'x'.repeat(LARGE_HEADER_BYTES)}`)
  if (chance.chance(0.02))
    headers.push(chance.pick(['no colon', ': no name', 'X-Nul: a\0b', ' folded', 'Host: second']))
  const body = hasBody(method) || chance.chance(0.05) ? bodyOf(chance) : Buffer.alloc(0)
  const framed = framedBody(body, headers, chance)
  const head = Buffer.from(`${method} ${path}${query} ${version}\r\n${headers.join('\r\n')}\r\n\r\n`, 'latin1')
  return { bytes: Buffer.concat([head, framed]), path }
}

function hasBody(method: string): boolean {
  return method !== 'GET' && method !== 'HEAD' && method !== 'DELETE'
}

/** Parameters and wildcards of a route get words that lead out of it, or nowhere. */
function filled(url: string, chance: Random): string {
  return url.replaceAll(/:\w+|\*/g, () =>
    chance.pick(['a', 'unknown', '..%2f..', '%00', '%ff', '__proto__', 'x'.repeat(400)]),
  )
}

/** Puts a length or chunks around a body, sometimes with a lie. */
function framedBody(body: Buffer, headers: string[], chance: Random): Buffer {
  if (body.length === 0 && chance.chance(0.8)) return body
  if (chance.chance(0.06)) {
    headers.push(
      `Content-Length: ${chance.pick([body.length + 1, body.length - 1, -1, '1e3', '', 9_999_999_999, '5, 6'])}`,
    )
    return body
  }
  if (chance.chance(0.85)) {
    headers.push(`Content-Length: ${body.length}`)
    return body
  }
  headers.push('Transfer-Encoding: chunked')
  if (chance.chance(0.1)) headers.push(`Content-Length: ${body.length}`)
  const size = chance.chance(0.7) ? body.length.toString(16) : chance.pick(['zz', '-1', 'ffffffffffffffff', '1', ''])
  const end = chance.chance(0.8) ? '\r\n0\r\n\r\n' : chance.pick(['', '\r\n0\r\nX: y\r\n\r\n', '0'])
  return Buffer.concat([Buffer.from(`${size}\r\n`), body, Buffer.from(end)])
}

function bodyOf(chance: Random): Buffer {
  const kind = chance.integer(0, 19)
  if (kind === 0) return Buffer.from('['.repeat(DEEP_LEVELS))
  if (kind === 1) return Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])
  if (kind === 2) return Buffer.from(`{"model":"a\0b","messages":"\\u0000"}`)
  if (kind === 3) return Buffer.from('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}')
  if (kind === 4)
    return Buffer.from(chance.pick(['', 'null', '[]', '1', '"x"', '{', '{"a":', 'NaN', '\ufeff{}', '{"a":1}{"b":2}']))
  if (kind === 5) return Buffer.alloc(chance.pick([65_535, 65_536, 65_537, 200_000]), 0x20)
  const text = JSON.stringify(bodyWithFields(chance))
  return Buffer.from(kind === 6 ? text.slice(0, chance.integer(0, text.length)) : text)
}

/** A body that is nearly right: good fields, some of them replaced. */
function bodyWithFields(chance: Random): object {
  const body: Record<string, unknown> = {
    model: 'a',
    messages: [{ role: 'user', content: 'hi' }],
    prompt: 'hi',
    input: 'hi',
    max_tokens: 5,
    stream: chance.chance(0.3),
  }
  for (let count = chance.integer(0, 3); count > 0; count--) {
    Object.defineProperty(body, chance.pick(FIELDS), {
      value: valueOf(chance, 2),
      enumerable: true,
      configurable: true,
    })
  }
  return body
}

function valueOf(chance: Random, depth: number): unknown {
  const kind = chance.integer(0, depth > 0 ? 9 : 6)
  if (kind === 0) return null
  if (kind === 1) return chance.chance(0.5)
  if (kind === 2) return chance.pick([0, -1, 1.5, 1e308, -1e308, 9_007_199_254_740_993, 0.1])
  if (kind <= 6)
    return chance.pick([
      '',
      'unknown',
      '\0',
      '\ud800',
      '../../etc/passwd',
      '{{7*7}}',
      'x'.repeat(5_000),
      '-1',
      '5m',
      'json',
    ])
  const items = Array.from({ length: chance.integer(0, 3) }, () => valueOf(chance, depth - 1))
  if (kind === 7) return items
  return Object.fromEntries(
    items.map((item) => [chance.pick([...FIELDS, 'role', 'content', 'type', 'text', 'function', 'image_url']), item]),
  )
}
