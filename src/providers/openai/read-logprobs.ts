import { Buffer, isUtf8 } from 'node:buffer'
import type { TokenLogprob, WeighedToken } from '../../spec/chat.ts'
import { asNumber, asRecord, asRecords, asText, type JsonRecord } from '../../spec/json-narrowing.ts'

/**
 * Log probabilities of a choice, in the form of chat (`content`) or of OpenAI's completions (`tokens`, `token_logprobs`);
 * llama-server uses the first one everywhere.
 * @param most alternatives told with each token.
 */
export function readLogprobs(value: unknown, most: number): TokenLogprob[] {
  const logprobs = asRecord(value)
  if (!logprobs) return []
  if (Array.isArray(logprobs['content'])) {
    return asRecords(logprobs['content']).map((entry) => ({
      ...weighed(entry),
      top: asRecords(entry['top_logprobs']).slice(0, most).map(weighed),
    }))
  }
  return legacyLogprobs(logprobs, most)
}

function legacyLogprobs(logprobs: JsonRecord, most: number): TokenLogprob[] {
  const { tokens, token_logprobs: values, top_logprobs: tops } = logprobs
  if (!Array.isArray(tokens)) return []
  return tokens.map((token: unknown, at) => ({
    ...weighed({ token, logprob: Array.isArray(values) ? (values[at] as unknown) : undefined }),
    top: Object.entries(asRecord(Array.isArray(tops) ? tops[at] : undefined) ?? {})
      .map(([alternative, logprob]) => weighed({ token: alternative, logprob }))
      .sort((a, b) => b.logprob - a.logprob)
      .slice(0, most),
  }))
}

function weighed(entry: JsonRecord): WeighedToken {
  const token = asText(entry['token']) ?? ''
  // JSON has no −∞; what is told as nothing had no probability at all.
  const logprob = asNumber(entry['logprob']) ?? -Infinity
  const bytes = bytesOf(entry['bytes']) ?? [...Buffer.from(token)]
  const isPiece = !isUtf8(Uint8Array.from(bytes)) || token.includes('\uFFFD')
  return isPiece ? { token: '\uFFFD', bytes: null, logprob } : { token, bytes, logprob }
}

function bytesOf(value: unknown): number[] | undefined {
  if (!Array.isArray(value)) return undefined
  const isBytes = value.every((byte) => Number.isInteger(byte) && Number(byte) >= 0 && Number(byte) <= 255)
  return isBytes ? value.map(Number) : undefined
}
