import type { LlamaModel, Token } from 'node-llama-cpp'
import type { TextCompletion } from '../../../spec/chat.ts'
import { resourceError } from '../../../spec/errors.ts'

/**
 * A prompt as the engine is given it: what counts tokens and what generates share it, so that a count is the count.
 * Special tokens in the text are tokens; the model's BOS stands in front exactly once.
 */
export function tokenizePrompt(model: LlamaModel, prompt: string): Token[] {
  return withBos(model, model.tokenize(prompt, true))
}

/**
 * Text to be continued. With a suffix the gap between both is filled by the model's own FIM tokens, in the order
 * prefix, suffix, middle, as llama.cpp's `/infill` has it. Throws `suffix-unsupported`.
 */
export function tokenizeCompletion(model: LlamaModel, { prompt, suffix }: TextCompletion): Token[] {
  if (suffix === undefined) return withBos(model, model.tokenize(prompt, true))
  const { prefix, suffix: beforeSuffix, middle } = model.tokens.infill
  if (prefix === null || beforeSuffix === null || middle === null) {
    const message =
      'This model has no tokens for filling in the middle, so it cannot be given a suffix. ' +
      'Leave suffix out, or use a model that was trained for it.'
    throw resourceError('suffix-unsupported', message, { details: { param: 'suffix' } })
  }
  // What is written around the gap is data: a token's name in it is text.
  const tokens = [prefix, ...model.tokenize(prompt), beforeSuffix, ...model.tokenize(suffix), middle]
  return withBos(model, tokens)
}

function withBos(model: LlamaModel, tokens: Token[]): Token[] {
  const { bos, shouldPrependBosToken } = model.tokens
  if (shouldPrependBosToken && bos !== null && tokens[0] !== bos) return [bos, ...tokens]
  if (tokens.length === 0) throw resourceError('invalid-request', 'The prompt is empty. Send some text.')
  return tokens
}
