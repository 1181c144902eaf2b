import { createHash } from 'node:crypto'
import type { ChatMessage } from '../spec/chat.ts'
import type { OwnerId } from '../spec/owner-id.ts'
import { canonicalMessage } from './canonical-message.ts'

/** The 1 counts versions of the canonical form: chains of two forms never meet. */
const CHAIN_DOMAIN = 'grym conversation 1\n'
const SYSTEM_DOMAIN = 'grym system prompt 1\n'

/** Where an owner's chains begin: those of two owners have nothing in common, whatever their messages are. */
export function chainRoot(owner: OwnerId): Buffer {
  return createHash('sha256').update(CHAIN_DOMAIN).update(owner).digest()
}

/** The hash of a message that follows what `previous` stands for. */
export function nextHash(previous: Uint8Array, message: ChatMessage): Buffer {
  return createHash('sha256').update(previous).update(canonicalMessage(message)).digest()
}

/** One hash a message; each stands for all messages up to its own. */
export function hashChain(owner: OwnerId, messages: readonly ChatMessage[]): Buffer[] {
  let previous = chainRoot(owner)
  return messages.map((message) => (previous = nextHash(previous, message)))
}

/** Two conversations of one owner share the text of an equal system prompt. */
export function systemPromptHash(owner: OwnerId, text: string): Buffer {
  return createHash('sha256')
    .update(SYSTEM_DOMAIN)
    .update(JSON.stringify([owner, text]))
    .digest()
}

/**
 * How many hashes of a chain are known, when with each known one all before it are known too. Binary search: at most
 * 14 questions for 10,000 messages.
 */
export function longestKnownPrefix(chain: readonly Buffer[], isKnown: (hash: Buffer) => boolean): number {
  let known = 0
  let unknown = chain.length + 1
  while (unknown - known > 1) {
    const middle = (known + unknown) >> 1
    const hash = chain[middle - 1]
    if (hash && isKnown(hash)) known = middle
    else unknown = middle
  }
  return known
}

/** System messages stand outside the chain: clients put the time of day or a billing line into them. */
export function splitSystem(messages: readonly ChatMessage[]): {
  readonly system: string | null
  readonly turns: readonly ChatMessage[]
} {
  const system = messages.filter(({ role }) => role === 'system').map(({ content }) => content)
  return {
    system: system.length === 0 ? null : system.join('\n\n'),
    turns: messages.filter(({ role }) => role !== 'system'),
  }
}
