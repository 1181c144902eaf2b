/** llama-server's kinds of errors and their status. */
const STATUS = {
  invalid_request_error: 400,
  exceed_context_size_error: 400,
  authentication_error: 401,
  not_found_error: 404,
  server_error: 500,
  not_supported_error: 501,
  unavailable_error: 503,
} as const

/** An answer that is an error, as llama-server writes it. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly status: number
  readonly #type: keyof typeof STATUS
  readonly #fields: Readonly<Record<string, unknown>>

  constructor(type: keyof typeof STATUS, message: string, fields: Readonly<Record<string, unknown>> = {}) {
    super(message)
    this.#type = type
    this.status = STATUS[type]
    this.#fields = fields
  }

  /** What follows `error`, in a body and in a stream. */
  body(): Record<string, unknown> {
    return { code: this.status, message: this.message, type: this.#type, ...this.#fields }
  }
}

/** Nobody reads the answer any more. Nothing is sent. */
export class ClientLeft extends Error {
  override readonly name = 'ClientLeft'
}
