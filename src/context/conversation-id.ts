import { createHash, randomBytes } from 'node:crypto'
import type { OwnerId } from '../spec/owner-id.ts'
import { resourceError } from '../spec/errors.ts'

/** Longest name a client may give a conversation. */
export const MAX_EXPLICIT_ID_CHARACTERS = 256

/** 128 bits of chance: nobody guesses the id of somebody else's conversation. */
export function randomConversationId(): string {
  return `conv_${randomBytes(16).toString('hex')}`
}

/**
 * The id of a conversation that its client named: the same each time, safe to print whatever the name is, and another
 * one for another owner. Throws `invalid-request` when the name is longer than allowed.
 */
export function namedConversationId(owner: OwnerId, explicitId: string): string {
  if (explicitId.length > MAX_EXPLICIT_ID_CHARACTERS) {
    const message = `A conversation id may have at most ${MAX_EXPLICIT_ID_CHARACTERS} characters; this one has ${explicitId.length}.`
    throw resourceError('invalid-request', message)
  }
  const name = JSON.stringify([owner, explicitId])
  return `conv_${createHash('sha256').update('grym conversation id 1\n').update(name).digest('hex').slice(0, 32)}`
}
