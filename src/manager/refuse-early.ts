import type { InferRequest } from '../spec/admin.ts'
import { type ResourceError, resourceError } from '../spec/errors.ts'
import type { ModelDefinition } from '../spec/model.ts'

/**
 * Refuses before anything is loaded: an answer that is asked of a model that only embeds, pictures that it cannot see, and a prompt that cannot fit
 * whatever its tokens are. Costs no tokenising: 10 MB are refused in milliseconds. What passes may still be too long; the
 * engine counts exactly.
 */
export function refuseEarly(
  request: Pick<InferRequest, 'messages' | 'completion'>,
  definition: Pick<ModelDefinition, 'id' | 'onlyEmbeds' | 'seesImages' | 'maxPromptBytes' | 'contextTokens'>,
): ResourceError | undefined {
  const { id, onlyEmbeds, seesImages = false, maxPromptBytes, contextTokens } = definition
  const { messages, completion } = request
  if (onlyEmbeds) {
    const message = `${id} only embeds and writes nothing. Send it to /v1/embeddings, or ask another model.`
    return resourceError('generation-unsupported', message, { details: { param: 'model' } })
  }
  if (!seesImages && messages.some(({ images = [] }) => images.length > 0)) {
    const message = `${id} reads text only. Send text alone, or ask a model with vision; \`grym show\` tells what a model can do.`
    return resourceError('images-unsupported', message, { details: { param: 'messages' } })
  }
  if (maxPromptBytes === null) return undefined
  const texts = [...messages.map(({ content }) => content), completion?.prompt ?? '', completion?.suffix ?? '']
  const promptBytes = texts.reduce((sumBytes, text) => sumBytes + Buffer.byteLength(text), 0)
  if (promptBytes < maxPromptBytes) return undefined
  const message =
    `The prompt has ${promptBytes} bytes, which is more than the ${contextTokens} tokens of ${id}'s context window can ` +
    'stand for. Send fewer messages or use a model with a larger window.'
  return resourceError('context-too-long', message, { details: { promptBytes, maxPromptBytes, contextTokens } })
}
