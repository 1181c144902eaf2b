import { unitVector } from '../answering/unit-vector.ts'
import { type Body } from '../openai/request-fields.ts'
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
    if (prompt.length > engine.contextTokens) {
      const text = `input (${prompt.length} tokens) is larger than the max context size (${engine.contextTokens} tokens). skipping`
      const fields = { n_prompt_tokens: prompt.length, n_ctx: engine.contextTokens }
      throw new Refusal('exceed_context_size_error', text, fields)
    }
    await engine.prefill(prompt.length, left)
    slot.tokens = []
    return unitVector(prompt.join(''), engine.knobs.embeddingLength)
  } finally {
    engine.pool.give(slot)
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
