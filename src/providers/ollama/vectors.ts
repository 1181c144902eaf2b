import type { Embeddings } from '../../spec/chat.ts'
import { resourceError } from '../../spec/errors.ts'
import { countOf, listOf, objectOf } from './foreign-values.ts'

/** How far from 1 the length of a vector may be, by rounding. */
const LENGTH_TOLERANCE = 1e-4

/**
 * The vectors of a reply of `/api/embed`, of length 1 (Ollama makes them so; an engine behind it that does not is helped).
 * Throws `engine-error` when there are not as many as texts, or one of them is none.
 */
export function readEmbeddings(reply: unknown, inputCount: number): Embeddings {
  const { embeddings, prompt_eval_count: promptTokens } = objectOf(reply)
  const vectors = listOf(embeddings).map((vector) => normalised(listOf(vector)))
  if (vectors.length !== inputCount) {
    const message = `Ollama embedded ${vectors.length} of ${inputCount} texts. Send them again.`
    throw resourceError('engine-error', message)
  }
  return { vectors, promptTokens: countOf(promptTokens) ?? 0 }
}

function normalised(numbers: readonly unknown[]): readonly number[] {
  const vector = numbers.filter((value) => typeof value === 'number')
  const length = Math.hypot(...vector)
  if (vector.length !== numbers.length || !(length > 0) || !Number.isFinite(length)) {
    throw resourceError('engine-error', 'Ollama answered with a vector that is none.')
  }
  return Math.abs(length - 1) <= LENGTH_TOLERANCE ? vector : vector.map((value) => value / length)
}
