import type { InferRequest } from '../spec/admin.ts'
import { type ResourceError, resourceError } from '../spec/errors.ts'
import type { ModelDefinition } from '../spec/model.ts'
import { promptWords } from '../spec/prompt-words.ts'

/** Where the thoughts of an answer end, in the templates that cut them off. */
const THOUGHT_END = '</think>'

type Asked = Pick<InferRequest, 'messages' | 'completion'>
type Facts = Pick<ModelDefinition, 'id' | 'maxPromptBytes' | 'maxPromptWords' | 'contextTokens'>

/**
 * Refuses before anything is loaded: an answer that is asked of a model that only embeds, pictures that it cannot see, and a prompt that cannot fit
 * whatever its tokens are. Costs no tokenising: 10 MB are refused in milliseconds. What passes may still be too long; the
 * engine counts exactly.
 */
export function refuseEarly(
  request: Asked,
  definition: Facts & Pick<ModelDefinition, 'onlyEmbeds' | 'seesImages'>,
): ResourceError | undefined {
  const { id, onlyEmbeds, seesImages = false } = definition
  const { messages } = request
  if (onlyEmbeds) {
    const message = `${id} only embeds and writes nothing. Send it to /v1/embeddings, or ask another model.`
    return resourceError('generation-unsupported', message, { details: { param: 'model' } })
  }
  if (!seesImages && messages.some(({ images = [] }) => images.length > 0)) {
    const message = `${id} reads text only. Send text alone, or ask a model with vision; \`grym show\` tells what a model can do.`
    return resourceError('images-unsupported', message, { details: { param: 'messages' } })
  }
  return tooManyBytes(request, definition) ?? tooManyWords(request, definition)
}

function tooManyBytes(
  { messages, completion }: Asked,
  { id, maxPromptBytes, contextTokens }: Facts,
): ResourceError | undefined {
  if (maxPromptBytes === null) return undefined
  const texts = [...messages.map(({ content }) => content), completion?.prompt ?? '', completion?.suffix ?? '']
  const promptBytes = texts.reduce((sumBytes, text) => sumBytes + Buffer.byteLength(text), 0)
  if (promptBytes < maxPromptBytes) return undefined
  const message =
    `The prompt has ${promptBytes} bytes, which is more than the ${contextTokens} tokens of ${id}'s context window can ` +
    'stand for. Send fewer messages or use a model with a larger window.'
  return resourceError('context-too-long', message, { details: { promptBytes, maxPromptBytes, contextTokens } })
}

/** A template may leave out what a model thought aloud, and what tools and the system said; the rest stands in its prompt. */
function tooManyWords(
  { messages, completion }: Asked,
  { id, maxPromptWords, contextTokens }: Facts,
): ResourceError | undefined {
  if (maxPromptWords === undefined) return undefined
  const said = messages.map(({ role, content }) => {
    if (role === 'user') return content
    return role === 'assistant' ? (content.split(THOUGHT_END).at(-1) ?? '') : ''
  })
  const texts = [...said, completion?.prompt ?? '', completion?.suffix ?? '']
  // A word and what parts it from the next are two characters.
  if (texts.reduce((sum, text) => sum + text.length, 0) < 2 * maxPromptWords - 1) return undefined
  const promptWordCount = texts.reduce((sum, text) => sum + promptWords(text), 0)
  if (promptWordCount < maxPromptWords) return undefined
  const message =
    `The prompt has ${promptWordCount} words, and so more tokens than the ${contextTokens} of ${id}'s context window. ` +
    'Send fewer messages or use a model with a larger window.'
  return resourceError('context-too-long', message, { details: { promptWordCount, maxPromptWords, contextTokens } })
}
