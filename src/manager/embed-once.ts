import type { Embeddings, GenerateChunk } from '../spec/chat.ts'

/** Embedding as an answer without text; the vectors are put aside. */
export async function* embedOnce(work: Promise<Embeddings>, into: Embeddings[]): AsyncGenerator<GenerateChunk> {
  const embeddings = await work
  into.push(embeddings)
  const usage = { promptTokens: embeddings.promptTokens, cachedTokens: 0, generatedTokens: 0 }
  yield { type: 'end', finishReason: 'stop', usage, prefillMs: 0, decodeMs: 0 }
}
