import { ERROR_TABLE } from '../../src/spec/error-table.ts'

type Json = Readonly<Record<string, unknown>>

/** Faults of ours: no request, however hostile, may bring them about. */
const FAULTS: ReadonlySet<string> = new Set(['internal', 'engine-error'])

/**
 * What is wrong with an answer to a request of these bytes, read to its end; `undefined` = nothing. It must be HTTP; an
 * error must have the shape of its dialect, a reason of the table, its status and its id; everything else must be what its
 * content type says.
 */
export function faultOf(asked: string, answer: string): string | undefined {
  const [, status, head = '', body = ''] =
    /^(?:HTTP\/1\.1 100 [^\n]*\r\n\r\n)?HTTP\/1\.1 (\d{3})[^\n]*\r\n([^]*?\r\n)\r\n([^]*)$/.exec(answer) ?? []
  if (status === undefined) return 'is no HTTP'
  if (asked.startsWith('HEAD ')) return undefined
  const text = /^transfer-encoding: chunked\r$/im.test(head) ? unchunked(body) : body
  if (text === undefined) return 'is chunked wrongly'
  try {
    if (Number(status) >= 400)
      return isHealth(asked) ? undefined : faultOfError(asked, Number(status), JSON.parse(text) as Json)
    if (/^content-type: application\/json/im.test(head)) JSON.parse(text)
    if (/^content-type: text\/event-stream/im.test(head)) {
      for (const [, data = ''] of text.matchAll(/^data: (.*)$/gm)) if (data !== '[DONE]') JSON.parse(data)
    }
    if (/^content-type: application\/x-ndjson/im.test(head))
      for (const line of text.trim().split('\n')) JSON.parse(line)
    return undefined
  } catch (error) {
    return `cannot be read: ${String(error)}`
  }
}

function faultOfError(asked: string, status: number, body: Json): string | undefined {
  const isInner = typeof body['error'] === 'object' && body['error'] !== null
  const { message, reason, id } = (isInner ? body['error'] : { ...body, message: body['error'] }) as Json
  if (typeof message !== 'string' || message === '') return 'has no message'
  if (typeof id !== 'string' || !id.startsWith('err_')) return 'has no id'
  const row = Object.entries(ERROR_TABLE).find(([name]) => name === reason)?.[1]
  if (!row || row.httpStatus !== status) return 'has no reason of its status'
  if (FAULTS.has(String(reason))) return 'is a fault of ours'
  const dialect = body['type'] === 'error' ? 'anthropic' : isInner ? 'openai' : 'ollama'
  const meant = dialectOf(asked)
  return dialect === meant ? undefined : `has the shape of ${dialect}, where ${meant} is spoken`
}

/** `/health` and `/ready` answer with a status and no error. */
function isHealth(asked: string): boolean {
  return /^GET \/(health|ready) /.test(asked)
}

/** By the documentation, from the request as it was sent. */
function dialectOf(asked: string): string {
  const [head = ''] = asked.split('\r\n\r\n', 1)
  const path = /^\S+ (\S*)/.exec(head)?.[1] ?? ''
  if (path.startsWith('/api/')) return 'ollama'
  if (path.startsWith('/v1/messages')) return 'anthropic'
  return path.startsWith('/v1/') && /^anthropic-version:/im.test(head) ? 'anthropic' : 'openai'
}

function unchunked(body: string): string | undefined {
  let text = ''
  let rest = body
  for (;;) {
    const [line = '', size = ''] = /^([0-9a-f]+)\r\n/.exec(rest) ?? []
    if (line === '') return undefined
    const bytes = Number.parseInt(size, 16)
    if (bytes === 0) return text
    text += rest.slice(line.length, line.length + bytes)
    rest = rest.slice(line.length + bytes + 2)
  }
}
