import type { Embeddings } from '../../spec/chat.ts'
import { resourceError } from '../../spec/errors.ts'
import { asCount, asRecord, asRecords } from '../../spec/json-narrowing.ts'

/**
 * The vectors of a reply to `/embeddings`, in the order of their inputs and of length 1, whatever the engine made them.
 * Throws `engine-error` where it sent other ones than were asked for.
 */
export function readEmbeddings(engine: string, reply: unknown, inputCount: number): Embeddings {
  const body = asRecord(reply)
  const entries = asRecords(body?.['data'])
  const vectors: (readonly number[] | undefined)[] = Array.from({ length: inputCount })
  entries.forEach((entry, at) => {
    vectors[asCount(entry['index']) ?? at] = ofLength1(entry['embedding'])
  })
  const whole = vectors.filter((vector) => vector !== undefined)
  if (whole.length !== inputCount || vectors.length !== inputCount) {
    const message = `${engine} sent ${whole.length} usable vectors for ${inputCount} texts.`
    throw resourceError('engine-error', message)
  }
  return { vectors: whole, promptTokens: asCount(asRecord(body?.['usage'])?.['prompt_tokens']) ?? 0 }
}

/** `undefined` = it is no vector, or has no direction. */
function ofLength1(value: unknown): readonly number[] | undefined {
  if (!Array.isArray(value) || !value.every((each) => typeof each === 'number')) return undefined
  const numbers: readonly number[] = value
  const length = Math.sqrt(numbers.reduce((sum, each) => sum + each * each, 0))
  return Number.isFinite(length) && length > 0 ? numbers.map((each) => each / length) : undefined
}
