import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { ConversationWish } from '../spec/admin.ts'
import { LOCAL_OWNER, type OwnerId } from '../spec/owner-id.ts'
import { resourceError } from '../spec/errors.ts'

const MAX_ID_CHARACTERS = 256

/**
 * What a request says of its conversation: whose it is, what the client calls it (header `X-Grym-Conversation`, else a
 * field of the body), and whether it is kept (`X-Grym-No-Store: 1`, or an owner whose conversations are not).
 */
export function conversationWish(
  headers: IncomingHttpHeaders,
  fieldId: string | undefined,
  keeps: (owner: OwnerId) => boolean,
): ConversationWish | undefined {
  const owner = ownerOf(headers)
  const noStore = headers['x-grym-no-store']
  if ((noStore !== undefined && noStore !== '0') || !keeps(owner)) return undefined
  const header = headers['x-grym-conversation']
  const explicitId = typeof header === 'string' && header !== '' ? header : fieldId
  if (explicitId === undefined) return { owner }
  if (explicitId.length > MAX_ID_CHARACTERS) {
    throw resourceError('invalid-request', `The name of a conversation has at most ${MAX_ID_CHARACTERS} characters.`)
  }
  return { owner, explicitId }
}

/** The digest of the key that was sent, in either of the customary headers; keys themselves are never kept. */
export function ownerOf(headers: IncomingHttpHeaders): OwnerId {
  const key = keyOf(headers)
  return key === undefined ? LOCAL_OWNER : createHash('sha256').update(key).digest('hex')
}

/** The key that was sent, in either of the customary headers. */
export function keyOf(headers: IncomingHttpHeaders): string | undefined {
  const bearer = /^Bearer\s+(\S+)\s*$/i.exec(headers.authorization ?? '')?.[1]
  const header = headers['x-api-key']
  return bearer ?? (typeof header === 'string' && header !== '' ? header : undefined)
}
