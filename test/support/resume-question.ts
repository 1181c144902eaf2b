import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'

/** Answers are short: what comes after the first piece is not what is measured. */
const ANSWER_TOKENS = 4
const WORDS = 'the old harbour was quiet and a small boat came back from the sea with bread salt and letters for'.split(
  ' ',
)

/** What one answer took and was made of, as its client sees it. */
export interface Resumed {
  /** From the question to the first piece of text. */
  readonly firstTextMs: number
  readonly promptTokens: number
  readonly cachedTokens: number
  /** From the receipt; 0 = nothing came from disk. */
  readonly restoredTokens: number
  readonly restoreMs: number
  readonly text: string
}

/** A question of about so many tokens, like no other one of this run. */
export function question(tokens: number, run: number): string {
  // Common words are one token each; the template around it is about thirty.
  const words = Array.from(
    { length: Math.max(1, tokens - 40) },
    (_, place) => WORDS[(place * (2 * run + 3) + Math.floor(place / WORDS.length)) % WORDS.length],
  )
  return `Story ${run}: ${words.join(' ')}. Tell me in one sentence what this story is about.`
}

/** Asks through the front door as any client does. */
export async function ask(url: string, model: string, content: string): Promise<Resumed> {
  const startedAtMs = performance.now()
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      ...{ model, messages: [{ role: 'user', content }], temperature: 0, max_tokens: ANSWER_TOKENS },
      ...{ stream: true, stream_options: { include_usage: true } },
    }),
  })
  if (!response.ok || !response.body) throw new Error(`${response.status} ${await response.text()}`)
  let firstTextAtMs: number | undefined
  let text = ''
  let usage: Usage | undefined
  let receipt: Usage['grym']
  for await (const line of createInterface({ input: Readable.fromWeb(response.body) })) {
    if (!line.startsWith('data: {')) continue
    const chunk = JSON.parse(line.slice('data: '.length)) as Chunk
    const piece = chunk.choices?.[0]?.delta?.content ?? ''
    if (piece !== '') firstTextAtMs ??= performance.now()
    text += piece
    usage = chunk.usage ?? usage
    receipt = chunk.grym ?? receipt
  }
  if (firstTextAtMs === undefined || !usage) throw new Error(`an answer without ${usage ? 'text' : 'its usage'}`)
  return {
    firstTextMs: firstTextAtMs - startedAtMs,
    ...countsOf({ ...usage, ...(receipt && { grym: receipt }) }),
    text,
  }
}

function countsOf(usage: Usage): Pick<Resumed, 'promptTokens' | 'cachedTokens' | 'restoredTokens' | 'restoreMs'> {
  return {
    promptTokens: usage.prompt_tokens,
    cachedTokens: usage.prompt_tokens_details?.cached_tokens ?? 0,
    restoredTokens: usage.grym?.restored_tokens ?? 0,
    restoreMs: usage.grym?.restore_ms ?? 0,
  }
}

interface Usage {
  readonly prompt_tokens: number
  readonly prompt_tokens_details?: { readonly cached_tokens?: number | null } | null
  readonly grym?: { readonly restored_tokens?: number; readonly restore_ms?: number }
}

interface Chunk {
  readonly choices?: readonly { readonly delta?: { readonly content?: string | null } }[]
  readonly usage?: Usage | null
  /** Of a stream that is passed on as its engine writes it. */
  readonly grym?: Usage['grym']
}
