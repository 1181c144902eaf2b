import type { LlamaModel, Token } from 'node-llama-cpp'
import type { ChatMessage } from '../../../spec/chat.ts'
import type { ChatTemplate } from './chat-template.ts'

/**
 * The prompt of some messages as the engine is given it: what counts tokens and what generates share it, so that a count
 * is the count. Special tokens in the rendered text are tokens; the model's BOS stands in front exactly once.
 */
export function tokenizePrompt(model: LlamaModel, template: ChatTemplate, messages: readonly ChatMessage[]): Token[] {
  const tokens = model.tokenize(template.render(messages), true)
  const { bos, shouldPrependBosToken } = model.tokens
  return shouldPrependBosToken && bos !== null && tokens[0] !== bos ? [bos, ...tokens] : tokens
}
