/** What is sent as one JSON document, or as a line of a stream. */
export interface ReplyPart {
  readonly form: 'whole' | 'line'
  readonly body: Readonly<Record<string, unknown>>
}

/** What a route answers. What it throws before the first part is a status, after it a line of the stream. */
export type Reply = AsyncGenerator<ReplyPart>

export function whole(body: Readonly<Record<string, unknown>>): ReplyPart {
  return { form: 'whole', body }
}

export function line(body: Readonly<Record<string, unknown>>): ReplyPart {
  return { form: 'line', body }
}
