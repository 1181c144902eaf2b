import type { InferRequest } from '../spec/admin.ts'
import type { GenerateRequest } from '../spec/chat.ts'
import type { KeptTurn } from './turn-keeper.ts'

/** Whose KV state an answer leaves: that of a conversation that is kept. What is not kept leaves nothing on disk. */
export function stateOwnerOf(
  { conversation }: InferRequest,
  turn: Pick<KeptTurn, 'conversationId'> | undefined,
): Pick<GenerateRequest, 'stateOwner'> {
  if (!conversation || !turn) return {}
  return { stateOwner: { owner: conversation.owner, conversationId: turn.conversationId } }
}
