/**
 * Whom a conversation belongs to: `local`, or the SHA-256 (hex) of the API key that was sent. Conversations of two
 * owners never meet, whatever their messages are.
 */
export type OwnerId = string

/** The owner of everything that comes without a key. */
export const LOCAL_OWNER: OwnerId = 'local'
