import type { GenerateRequest } from '../../spec/chat.ts'

/**
 * Can this prompt have more tokens than the window? A token is a byte at least, so one with fewer bytes than the window has tokens
 * cannot, what a template adds aside.
 * @param contextTokens `null` = not known, then it can.
 */
export function mayOverflow(request: GenerateRequest, contextTokens: number | null): boolean {
  return contextTokens === null || promptBytes(request) >= contextTokens
}

function promptBytes({ messages, completion, tools }: GenerateRequest): number {
  return Buffer.byteLength(JSON.stringify([messages, completion, tools]))
}
