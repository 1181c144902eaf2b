/** An answer that is an error, as Ollama writes it: `{"error": text}` with a status, or a line within a stream. */
export class Refusal extends Error {
  readonly status: number
  /** Further fields of the body, beside `error`. */
  readonly fields: Readonly<Record<string, unknown>>

  constructor(status: number, text: string, fields: Readonly<Record<string, unknown>> = {}) {
    super(text)
    this.name = 'Refusal'
    this.status = status
    this.fields = fields
  }

  /** The body it is sent as. */
  body(): Record<string, unknown> {
    return { error: this.message, ...this.fields }
  }
}

/** 404 in the words of the routes; the scheduler's are others and are not met by a store that never changes. */
export function notFound(name: string): Refusal {
  return new Refusal(404, `model '${name}' not found`)
}

/** Go's `%q`, for the names that are met here. */
export function quoted(text: string): string {
  return JSON.stringify(text)
}
