import { tokenize } from '../answering/tokens.ts'
import { unitVector } from '../answering/unit-vector.ts'
import type { Body } from '../openai/request-fields.ts'
import { chooseInstance } from './choose-instance.ts'
import { Refusal } from './refusal.ts'
import type { Reply } from './reply.ts'
import type { FakeStudio } from './studio.ts'

/** `POST /v1/embeddings`: what is longer than the context is cut without a word, and tokens are not counted. */
export async function embeddingRoute(studio: FakeStudio, body: Body): Promise<Reply> {
  const given = body['input']
  const inputs = Array.isArray(given) ? (given as unknown[]) : [given]
  if (inputs.length === 0 || !inputs.every((each) => typeof each === 'string')) {
    throw new Refusal(400, "'input' field must be a string or an array of strings")
  }
  const instance = await chooseInstance(studio, body, 'embedding')
  const { contextTokens } = instance.config
  instance.use()
  try {
    const data = inputs.map((text, index) => {
      const kept = tokenize(text).slice(0, contextTokens).join('')
      return { object: 'embedding', embedding: unitVector(kept, instance.model.embeddingLength), index }
    })
    const usage = { prompt_tokens: 0, total_tokens: 0 }
    return { form: 'whole', body: { object: 'list', data, model: instance.id, usage } }
  } finally {
    instance.leave()
  }
}
