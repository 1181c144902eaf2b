import type { OwnerId } from './owner-id.ts'

/** An answer of OpenAI's Responses API that can be asked for again and continued by its id. */
export interface StoredResponse {
  readonly id: string
  /** The response that this one continued; `null` = none. */
  readonly previousId: string | null
  /** The items that were sent with this request alone, as JSON has them; each with its id. */
  readonly input: readonly object[]
  /** The response object as it was given. */
  readonly response: object
}

/** What keeping one needs beside it. */
export interface NewResponse extends StoredResponse {
  readonly owner: OwnerId
  /** The conversation that its messages lie in; the response goes when that goes. */
  readonly conversationId: string
  readonly atMs: number
}

/**
 * Responses that clients come back to. One belongs to its owner: to any other it is not there. It lives no longer than
 * its conversation, and within the same limits. Real: `context/kept-responses.ts`.
 */
export interface ResponseArchive {
  /**
   * What has been kept survives a `kill -9` from the moment this returns. False: its conversation is gone (or another
   * owner's), so nothing was kept. Throws `disk-full`.
   */
  keep(response: NewResponse): boolean
  find(owner: OwnerId, id: string): StoredResponse | undefined
  /**
   * The response and those it continues, oldest first; empty when it is not there. Where one of them is gone the oldest
   * that is returned still names it.
   */
  chain(owner: OwnerId, id: string): readonly StoredResponse[]
  /**
   * Deleted means unreadable, in the file too. With the last of its responses an unnamed conversation goes as well.
   * Returns whether it was there.
   */
  delete(owner: OwnerId, id: string): boolean
}
