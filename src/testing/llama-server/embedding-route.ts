import { unitVector } from '../answering/unit-vector.ts'
import { type Body } from '../openai/request-fields.ts'
import { refuseTooLong } from './completion.ts'
import type { LlamaEngine } from './engine.ts'
import { ClientLeft, Refusal } from './refusal.ts'

/** `POST /v1/embeddings`: vectors of length 1, the same for the same text. */
export async function embeddingRoute(
  engine: LlamaEngine,
  body: Body,
  left: AbortSignal,
): Promise<Record<string, unknown>> {
  if (!engine.options.isEmbedding) {
    const text = 'This server does not support embeddings. Start it with `--embeddings`'
    throw new Refusal('not_supported_error', text)
  }
  if (engine.options.pooling === 'none') {
    const text = "Pooling type 'none' is not OAI compatible. Please use a different pooling type"
    throw new Refusal('invalid_request_error', text)
  }
  const prompts = readInputs(engine, body['input'] ?? body['content'])
  const isBase64 = body['encoding_format'] === 'base64'
  const vectors: number[][] = []
  for (const prompt of prompts) vectors.push(await embed(engine, prompt, left))
  const count = prompts.reduce((sum, { length }) => sum + length, 0)
  return {
    model: typeof body['model'] === 'string' ? body['model'] : engine.options.alias,
    object: 'list',
    usage: { prompt_tokens: count, total_tokens: count },
    data: vectors.map((vector, index) => ({
      embedding: isBase64 ? Buffer.from(new Float32Array(vector).buffer).toString('base64') : vector,
      index,
      object: 'embedding',
      ...(isBase64 && { encoding_format: 'base64' }),
    })),
  }
}

async function embed(engine: LlamaEngine, prompt: readonly string[], left: AbortSignal): Promise<number[]> {
  await engine.atLoop(left)
  const slot = await engine.pool.take(prompt, left)
  if (!slot) throw new ClientLeft()
  try {
    refuseTooLarge(engine, prompt.length)
    await engine.prefill(prompt.length, left)
    slot.tokens = []
    return unitVector(prompt.join(''), engine.knobs.embeddingLength)
  } finally {
    engine.pool.give(slot)
  }
}

/** The last token's state is made of one batch after the other; any other pooling needs all tokens in one. */
function refuseTooLarge({ options, contextTokens }: LlamaEngine, tokenCount: number): void {
  if (options.pooling === 'last') return refuseTooLong(tokenCount, contextTokens)
  const { physicalBatchTokens } = options
  if (tokenCount > physicalBatchTokens) {
    const text = `input (${tokenCount} tokens) is too large to process. increase the physical batch size (current batch size: ${physicalBatchTokens})`
    throw new Refusal('server_error', text)
  }
  if (tokenCount > contextTokens) {
    const text = `input (${tokenCount} tokens) is larger than the max context size (${contextTokens} tokens). skipping`
    throw new Refusal('exceed_context_size_error', text, { n_prompt_tokens: tokenCount, n_ctx: contextTokens })
  }
}

function readInputs(engine: LlamaEngine, input: unknown): string[][] {
  if (input === undefined) throw new Refusal('invalid_request_error', '"input" or "content" must be provided')
  const isOne = !Array.isArray(input) || (input as unknown[]).some((each) => typeof each === 'number')
  const inputs = isOne ? [input] : (input as unknown[])
  if (inputs.length === 0) throw new Refusal('invalid_request_error', '"input" must not be empty')
  return inputs.map((each) => {
    if (typeof each === 'string') return engine.promptTokens(each)
    if (Array.isArray(each)) return engine.vocabulary.tokensOf(each as number[])
    throw new Refusal('invalid_request_error', 'input prompt must be a string or a list of tokens')
  })
}
