import type { EngineAge } from './engine-age.ts'
import type { FakeOllamaCounters } from './knobs.ts'
import type { RunOptions } from './load-options.ts'
import { Refusal } from './refusal.ts'
import { tokenize } from '../answering/tokens.ts'

/** A message of a chat, as it was sent. */
export interface FakeMessage {
  readonly role?: string
  readonly content?: string
  readonly thinking?: string
  readonly images?: readonly string[]
  readonly tool_calls?: readonly unknown[]
  readonly tool_name?: string
}

/** What a prompt has to fit into, and what may be done to it. */
export interface PromptFit {
  readonly age: EngineAge
  readonly numCtxTokens: number
  readonly numKeepTokens: RunOptions['numKeepTokens']
  /** Request `truncate`, default true. */
  readonly isCutting: boolean
  /** Request `shift`, default true. */
  readonly isShifting: boolean
}

/** Ollama's own guess of what an image takes. */
const IMAGE_TOKENS = 768
const IMAGE_MARK = '<|image|>'
const TOO_LONG = 'the input length exceeds the context length'
const TOO_LONG_FOR_NOW =
  'the prompt is longer than the context length currently available to the model; shorten the prompt, adjust the context length in settings, or use a model with a longer context length'

/** The tokens of a chat: each message between two marks, tools before them, and the mark that asks for an answer. */
export function chatTokens(messages: readonly FakeMessage[], tools: readonly unknown[]): string[] {
  const head = tools.length > 0 ? `<|tools|> ${JSON.stringify(tools)} <|end|>` : ''
  return [...tokenize(head), ...messages.flatMap(messageTokens), '<|assistant|>']
}

/**
 * The newest part of a chat that fits: oldest messages are dropped without a word, except those of the system and the
 * last one. With `truncate: false` nothing is dropped.
 */
export function fittingChat(
  messages: readonly FakeMessage[],
  tools: readonly unknown[],
  fit: PromptFit,
  counters: FakeOllamaCounters,
): string[] {
  if (fit.isCutting) {
    for (let start = 0; start < messages.length; start++) {
      const kept = messages.filter(({ role }, place) => place >= start || role === 'system')
      const tokens = chatTokens(kept, tools)
      if (tokens.length > fit.numCtxTokens && start < messages.length - 1) continue
      counters.droppedMessages += messages.length - kept.length
      return fitted(tokens, fit, counters)
    }
  }
  return fitted(chatTokens(messages, tools), fit, counters)
}

/**
 * A prompt that fits, whole or cut: what is kept from its beginning is `num_keep`, and then its end. Throws a 400 where
 * cutting is not allowed; from 0.30 on also where the context may not shift, and one token has to be left for the answer.
 */
export function fitted(tokens: string[], fit: PromptFit, counters: FakeOllamaCounters): string[] {
  const isNew = fit.age === 'llama-server'
  const limit = isNew ? fit.numCtxTokens - 1 : fit.numCtxTokens
  if (tokens.length <= limit) return tokens
  if (isNew && !fit.isShifting) throw new Refusal(400, TOO_LONG_FOR_NOW)
  if (!fit.isCutting) throw new Refusal(400, isNew ? engineRefusal(tokens.length, fit.numCtxTokens) : TOO_LONG)
  counters.cutPrompts++
  const keep = Math.max(0, Math.min(fit.numKeepTokens, limit))
  const endCount = limit - keep
  return [...tokens.slice(0, keep), ...tokens.slice(tokens.length - endCount)]
}

/** One text to embed: cut at the context unless that is not allowed. */
export function fittedInput(text: string, numCtxTokens: number, isCutting: boolean): string[] {
  const tokens = tokenize(text)
  if (tokens.length <= numCtxTokens) return tokens
  if (!isCutting) throw new Refusal(400, TOO_LONG)
  return tokens.slice(0, numCtxTokens)
}

/** llama-server's refusal, which Ollama hands on as the text that it is. */
function engineRefusal(promptTokens: number, numCtxTokens: number): string {
  const message = `request (${promptTokens} tokens) exceeds the available context size (${numCtxTokens} tokens), try increasing it`
  const error = {
    code: 400,
    message,
    type: 'exceed_context_size_error',
    n_prompt_tokens: promptTokens,
    n_ctx: numCtxTokens,
  }
  return JSON.stringify({ error })
}

function messageTokens(message: FakeMessage): string[] {
  const calls = message.tool_calls && message.tool_calls.length > 0 ? ` ${JSON.stringify(message.tool_calls)}` : ''
  const images = (message.images ?? []).flatMap(() => Array.from({ length: IMAGE_TOKENS }, () => IMAGE_MARK))
  return [...tokenize(`<|${message.role ?? ''}|> ${message.content ?? ''}${calls}`), ...images, '<|end|>']
}
