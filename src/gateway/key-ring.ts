import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { AccessKey, AccessKeys } from '../spec/access-keys.ts'
import type { OwnerId } from '../spec/owner-id.ts'
import { resourceError } from '../spec/errors.ts'
import type { ModelWish } from '../spec/model-wish.ts'
import { keyOf } from './conversation-wish.ts'

/**
 * Who may come in. Without a key defined everybody who reaches the port; else the holders of one, and the tools of the
 * user whose daemon it is, by a token that only that user can read. Only digests are compared: how long a comparison
 * takes says nothing of a key.
 */
export class KeyRing {
  readonly #keys: ReadonlyMap<OwnerId, AccessKey>
  readonly #localDigest: string

  /** @param localToken what the user's own tools send; new at each start. */
  constructor(keys: AccessKeys, localToken: string) {
    this.#keys = new Map(Object.values(keys).map((key) => [key.digest, key]))
    this.#localDigest = digestOf(localToken)
  }

  /**
   * Lets a request in. The token of the user's own tools is taken off it: what they do belongs to no key.
   * Throws `key-missing` and `key-unknown`.
   */
  admit(headers: IncomingHttpHeaders): void {
    const sent = keyOf(headers)
    const digest = sent === undefined ? undefined : digestOf(sent)
    if (digest === this.#localDigest) {
      delete headers.authorization
      delete headers['x-api-key']
      return
    }
    if (this.#keys.size === 0) return
    if (digest === undefined) {
      const message =
        'This daemon asks for a key. Send one as `Authorization: Bearer …` or `x-api-key: …`; whoever runs it makes one with `grym keys new`.'
      throw resourceError('key-missing', message)
    }
    if (this.#keys.has(digest)) return
    const message =
      'This key opens nothing here. Check it for a typing mistake, or ask whoever runs the daemon for one.'
    throw resourceError('key-unknown', message)
  }

  /** How models are kept for requests of this owner that say nothing of it. */
  defaultsOf(owner: OwnerId): ModelWish {
    const { keepAliveMs, priority } = this.#keys.get(owner) ?? {}
    return { ...(keepAliveMs !== undefined && { keepAliveMs }), ...(priority !== undefined && { priority }) }
  }
}

function digestOf(key: string): string {
  return createHash('sha256').update(key).digest('hex')
}
