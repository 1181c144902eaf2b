/** An answer that is an error. LM Studio writes it as a text or as an object, by its route and its mood. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly status: number
  /** What follows `error` in the body. */
  readonly error: string | Readonly<Record<string, unknown>>

  constructor(status: number, error: string | Readonly<Record<string, unknown>>) {
    super(typeof error === 'string' ? error : String(error['message']))
    this.status = status
    this.error = error
  }
}

/** Nobody reads the answer any more. Nothing is sent. */
export class ClientLeft extends Error {
  override readonly name = 'ClientLeft'
}

/** A body that `/api/v1` does not take. */
export function invalidRequest(code: string, message: string, param?: string): Refusal {
  return new Refusal(400, { type: 'invalid_request', code, message, ...(param !== undefined && { param }) })
}
