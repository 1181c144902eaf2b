import type { TokenUsage } from '../../spec/chat.ts'
import { asCount, asNumber, asRecord } from '../../spec/json-narrowing.ts'

/** Figures of an answer as far as its upstream has told them. */
export interface ToldFigures {
  readonly promptTokens?: number
  readonly cachedTokens?: number
  readonly generatedTokens?: number
  readonly reasoningTokens?: number
  readonly prefillMs?: number
  readonly decodeMs?: number
}

/** What one event tells of them: `usage` as OpenAI has it, and llama-server's `timings`. */
export function readFigures(event: Readonly<Record<string, unknown>>): ToldFigures {
  const usage = asRecord(event['usage'])
  const timings = asRecord(event['timings'])
  const cachedTokens =
    asCount(asRecord(usage?.['prompt_tokens_details'])?.['cached_tokens']) ?? asCount(timings?.['cache_n'])
  const readTokens = asCount(timings?.['prompt_n'])
  const promptTokens =
    asCount(usage?.['prompt_tokens']) ?? (readTokens === undefined ? undefined : readTokens + (cachedTokens ?? 0))
  const figures = {
    promptTokens,
    cachedTokens,
    generatedTokens: asCount(usage?.['completion_tokens']) ?? asCount(timings?.['predicted_n']),
    reasoningTokens: asCount(asRecord(usage?.['completion_tokens_details'])?.['reasoning_tokens']),
    prefillMs: asNumber(timings?.['prompt_ms']),
    decodeMs: asNumber(timings?.['predicted_ms']),
  }
  return Object.fromEntries(Object.entries(figures).filter(([, value]) => value !== undefined))
}

/** An upstream that tells no usage at all is counted with 0 tokens; what it reused is not known then. */
export function usageOf(figures: ToldFigures): TokenUsage {
  const { promptTokens = 0, cachedTokens, generatedTokens = 0, reasoningTokens } = figures
  return {
    promptTokens,
    cachedTokens: cachedTokens ?? null,
    generatedTokens,
    ...(reasoningTokens !== undefined && reasoningTokens > 0 && { reasoningTokens }),
  }
}
