type Json = Record<string, unknown>

/** An answer as it came: its status, and its body or the events of its stream. */
export interface HttpReply {
  readonly status: number
  readonly type: string
  readonly text: string
  /** The body, or the last event. */
  readonly json: Json
  readonly events: readonly Json[]
  /** Whether the stream ended with `[DONE]`. */
  readonly isDone: boolean
}

/** Asks a server and reads its whole answer, streamed or not. With a body it is a POST. */
export async function httpAsk(url: string, body?: unknown, init: RequestInit = {}): Promise<HttpReply> {
  const sent = typeof body === 'string' ? body : JSON.stringify(body)
  const response = await fetch(url, { ...(body !== undefined && { method: 'POST', body: sent }), ...init })
  const text = await response.text()
  const type = response.headers.get('content-type') ?? ''
  const data = type.includes('event-stream') ? [...text.matchAll(/^data: (.*)$/gm)].map(([, each]) => each ?? '') : []
  const written = type.includes('json') ? [text] : data.filter((each) => each !== '[DONE]')
  const events = written.map((each) => JSON.parse(each) as Json)
  const nothing: Json = {}
  return {
    status: response.status,
    type,
    text,
    json: events.at(-1) ?? nothing,
    events,
    isDone: data.at(-1) === '[DONE]',
  }
}

/** What a chat's answer says: of a whole one, or of a streamed one put together. */
export function chatContent({ events }: HttpReply): string {
  return events
    .flatMap((event) => (event['choices'] as { message?: Json; delta?: Json }[] | undefined) ?? [])
    .map(({ message, delta }) => ((message ?? delta)?.['content'] as string | null | undefined) ?? '')
    .join('')
}
