import type { LlamaEngine } from './engine.ts'

/**
 * Log probabilities of a token as llama-server writes them: the one that was chosen had 1/2, and what else could have
 * come has 1/4, 1/8 and so on.
 */
export function logprobsOf(engine: LlamaEngine, token: string, topCount: number): Record<string, unknown> {
  const top = Array.from({ length: topCount }, (_, place) =>
    entry(engine, place === 0 ? token : `${token}~${place}`, place),
  )
  return { ...entry(engine, token, 0), top_logprobs: top }
}

function entry(engine: LlamaEngine, token: string, place: number): Record<string, unknown> {
  const [id] = engine.vocabulary.numbersOf([token])
  return { id, token, bytes: [...Buffer.from(token)], logprob: Math.log(2 ** -(place + 1)) }
}
