import { type Random, randomOf } from '../simulation/random.ts'
import { hostileBody } from './hostile-body.ts'

/** A route of the gateway, as it was added. */
export interface FuzzedRoute {
  readonly method: string
  readonly path: string
}

/** Bytes that go out over one connection, and what the client does after them. */
export interface HostileRequest {
  /** What a failure is told by. */
  readonly name: string
  readonly bytes: Buffer
  /** It may be an honest request, or the beginning of one: the client leaves before an answer. */
  readonly leaves: boolean
}

const METHODS = [
  'GET',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'HEAD',
  'OPTIONS',
  'TRACE',
  'CONNECT',
  'PROPFIND',
  'get',
  'G\0T',
]
const PATHS = [
  '',
  '*',
  '//',
  '/../../etc/passwd',
  '/%',
  '/%00',
  '/%ff%fe',
  '/v1/models/%2e%2e%2f',
  '/\u00ff',
  '/a b',
  '/#',
  '/?',
  '/;a=b',
]
const QUERIES = [
  '?',
  '?limit=-1',
  '?limit=1e999',
  '?limit=%00',
  '?limit[]=1',
  '?before=NaN',
  '?__proto__[x]=1',
  '?model=../../x',
  '?a=%zz',
  '?event=9999999999999999999',
]
const HEADERS = [
  'Host: evil.example',
  'Host:',
  'Host: localhost\r\nHost: evil.example',
  'Origin: null',
  'Authorization: Bearer \x01\x02',
  'Authorization: Bearer a b c',
  'X-Api-Key: ',
  'Content-Type: ',
  'Content-Type: application/json; charset=utf-16',
  'Content-Type: multipart/form-data',
  'Content-Encoding: gzip',
  'Expect: 100-continue',
  'Expect: the-impossible',
  'Connection: upgrade\r\nUpgrade: websocket',
  'Connection: close',
  'X-Grym-Priority: 1e9',
  'X-Grym-Keep-Alive: never',
  'X-Grym-Keep-Alive: -9999999999d',
  'X-Grym-Conversation: ../../x',
  'X-Grym-Conversation: \u00ff\u00fe',
  'X-Grym-No-Store: maybe',
  'X-Grym-Instance: here',
  'Anthropic-Version: \u00e4',
  'Anthropic-Beta: a,b,,',
  'Last-Event-ID: -1',
  'Last-Event-ID: 1e999',
  '__proto__: x',
  'constructor: x',
  ': no name',
  'No colon',
  'Na me: x',
  'Folded: a\r\n b',
  'Null: a\0b',
]
const LENGTH_LIES = [
  '-1',
  '1e3',
  '0x10',
  '99999999999999999999',
  '+5',
  '5, 5',
  '5\r\nContent-Length: 6',
  ' ',
  '1000000000',
  '3',
]

/** A malformed or hostile request of its own number; the same seed and number make the same bytes. */
export function hostileRequest(seed: number, number: number, routes: readonly FuzzedRoute[]): HostileRequest {
  const random = randomOf(seed, number)
  const route = random.pick(routes)
  const method = random.chance(0.9) ? route.method : random.pick(METHODS)
  const path = hostilePath(random, route.path)
  const { name: bodyName, bytes: body } = hostileBody(random, route.path)
  const headers = ['Host: localhost', 'Connection: close']
  if (random.chance(0.3)) headers.push(random.pick(HEADERS))
  if (random.chance(0.02)) headers.push(`X-Huge: ${'h'.repeat(random.integer(10_000, 40_000))}`)
  if (random.chance(0.02)) headers.push(...Array.from({ length: 300 }, (_, index) => `X-Many-${index}: ${index}`))
  if (random.chance(0.05)) headers.shift()
  const { name: framing, head, tail, isShort } = frame(random, body)
  const version = random.chance(0.97) ? 'HTTP/1.1' : random.pick(['HTTP/1.0', 'HTTP/2.0', 'HTTP/9.9', 'HTTP', ''])
  const text = `${method} ${path} ${version}\r\n${[...headers, ...head].join('\r\n')}\r\n\r\n`
  const whole = Buffer.concat([Buffer.from(text, 'latin1'), tail])
  const isCut = random.chance(0.03)
  const bytes = isCut ? whole.subarray(0, random.integer(1, whole.length)) : whole
  const isEndless = path.startsWith('/grym/v1/events')
  const name = `seed ${seed} number ${number}: ${method} ${path.slice(0, 80)} body ${bodyName} framing ${framing}`
  return { name, bytes, leaves: isCut || isShort || isEndless || random.chance(0.03) }
}

function hostilePath(random: Random, routePath: string): string {
  const named = routePath.replaceAll('*', () => pathName(random)).replaceAll(/:\w+/g, () => pathName(random))
  if (random.chance(0.04)) return random.pick(PATHS)
  if (random.chance(0.01)) return `${named}/${'p'.repeat(random.integer(200, 20_000))}`
  return random.chance(0.15) ? named + random.pick(QUERIES) : named
}

function pathName(random: Random): string {
  return random.pick([
    'a',
    'unknown',
    '%2e%2e%2fx',
    '..',
    'a%00b',
    '%E0%A4',
    'x'.repeat(301),
    'more/b',
    '%F0%9F%A6%99',
    '',
  ])
}

interface Frame {
  readonly name: string
  readonly head: readonly string[]
  readonly tail: Buffer
  /** Less comes than was said: the server rightly waits for the rest. */
  readonly isShort: boolean
}

function frame(random: Random, body: Buffer): Frame {
  const honest = [`Content-Length: ${body.length}`]
  if (random.chance(0.7)) return { name: 'honest', head: honest, tail: body, isShort: false }
  const chunked = ['Transfer-Encoding: chunked']
  const size = body.length.toString(16)
  const chunk = (said: string, end = '0\r\n\r\n'): Buffer =>
    Buffer.concat([Buffer.from(`${said}\r\n`, 'latin1'), body, Buffer.from(`\r\n${end}`, 'latin1')])
  switch (random.integer(0, 8)) {
    case 0:
      return { name: 'lie', head: [`Content-Length: ${random.pick(LENGTH_LIES)}`], tail: body, isShort: true }
    case 1:
      return { name: 'chunked', head: chunked, tail: chunk(size), isShort: false }
    case 2:
      return {
        name: 'chunk of another size',
        head: chunked,
        tail: chunk(random.pick(['0', 'f', 'ffffffffffffffffff', '-1', 'zz'])),
        isShort: true,
      }
    case 3:
      return {
        name: 'chunk extension',
        head: chunked,
        tail: chunk(`${size};${'e'.repeat(random.integer(1, 20_000))}`),
        isShort: false,
      }
    case 4:
      return { name: 'no last chunk', head: chunked, tail: chunk(size, ''), isShort: true }
    case 5:
      return { name: 'length and chunked', head: [...honest, ...chunked], tail: chunk(size), isShort: false }
    case 6:
      return {
        name: 'other coding',
        head: [`Transfer-Encoding: ${random.pick(['gzip', 'chunked, gzip', 'x'])}`],
        tail: body,
        isShort: true,
      }
    case 7:
      return {
        name: 'garbage after',
        head: honest,
        tail: Buffer.concat([body, Buffer.from('\x16\x03\x01 garbage\r\n\r\n', 'latin1')]),
        isShort: false,
      }
    default:
      return {
        name: 'trailers',
        head: chunked,
        tail: chunk(size, '0\r\nHost: evil\r\n__proto__: x\r\n\r\n'),
        isShort: false,
      }
  }
}
