import { z } from 'zod'
import type { InferRequest } from '../../spec/admin.ts'
import { checkBody, invalid } from '../check-body.ts'
import { answerFields, decodeAnswer, type DecodedAnswer } from './answer-fields.ts'
import { decodeImage } from './decode-image.ts'

const text = z.string({ error: 'must be a text' }).nullish()
const generateRequest = z.looseObject({
  ...answerFields,
  prompt: text,
  suffix: text,
  system: text,
  template: text,
  context: z.array(z.number(), { error: 'must be a list of numbers' }).nullish(),
  raw: z.boolean({ error: 'must be true or false' }).nullish(),
  images: z.array(z.string({ error: 'must be base64' })).nullish(),
})

type GenerateRequest = z.infer<typeof generateRequest>

/** A decoded request; nothing to answer = the model is to be loaded, or unloaded. */
export interface DecodedGenerate extends DecodedAnswer {
  readonly isEmpty: boolean
}

/**
 * Decodes a body of `POST /api/generate`: one question through the model's template, or, with `raw` or a `suffix`, text that
 * is continued as it is. Throws `invalid-request` naming the field.
 */
export function decodeGenerate(body: unknown): DecodedGenerate {
  const asked = checkBody(generateRequest, body)
  refuse(asked)
  const { prompt, suffix, images } = asked
  return { ...decodeAnswer(asked, questionOf(asked)), isEmpty: !prompt && !suffix && !images?.length }
}

function questionOf(asked: GenerateRequest): Pick<InferRequest, 'messages' | 'completion'> {
  const { prompt, suffix, system, raw, images } = asked
  if (raw || suffix) return { messages: [], completion: { prompt: prompt ?? '', ...(suffix && { suffix }) } }
  const pictures = (images ?? []).map((image, place) => decodeImage(image, `images[${place}]`))
  return {
    messages: [
      ...(system ? [{ role: 'system' as const, content: system }] : []),
      { role: 'user', content: prompt ?? '', ...(pictures.length > 0 && { images: pictures }) },
    ],
  }
}

/** What would be left out silently is refused instead. */
function refuse({ raw, suffix, system, template, context, images }: GenerateRequest): void {
  if (raw && (template || system || context?.length)) {
    throw invalid('raw: raw mode does not support template, system, or context.', 'raw')
  }
  if (template) {
    const way = 'set it for the model in grym.yaml (models.entries.<name>.template)'
    throw invalid(`template: a request cannot bring one; ${way}, or send the finished text with raw: true.`, 'template')
  }
  if (context?.length) {
    const way = 'send the conversation to POST /api/chat, which reuses what was read of it'
    throw invalid(`context: tokens of an earlier answer are not taken, and none are given; ${way}.`, 'context')
  }
  if (suffix && system) throw invalid('system: has no place where a suffix is given; leave one of them out.', 'system')
  if ((raw || suffix) && images?.length) {
    throw invalid('images: go with a question only; leave out raw and suffix.', 'images')
  }
}
