import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'

/** Window that every model is loaded with. */
export const CONTEXT_TOKENS = 8_192
/** Length of an answer: what comes after its first piece is not what is measured. */
const ANSWER_TOKENS = 4
/** A load and a short answer, on a machine that does other things as well. */
const DEADLINE_MS = 120_000

/** What answers chats with either of two models, and holds one of them at a time. */
export interface ChatServer extends AsyncDisposable {
  /** As metrics end: `ollama_bare`. */
  readonly name: string
  /** From the question to the first piece of text, ms; the answer is over when it resolves. */
  firstTextMs(model: string, question: string, signal: AbortSignal): Promise<number>
}

/** `POST /v1/chat/completions`, of grym and of llama-server. */
export async function openAiFirstTextMs(
  baseUrl: string,
  model: string,
  question: string,
  signal: AbortSignal,
): Promise<number> {
  const messages = [{ role: 'user', content: question }]
  const body = { model, messages, temperature: 0, max_tokens: ANSWER_TOKENS, stream: true }
  return firstTextMs(`${baseUrl}/v1/chat/completions`, body, signal, (line) => {
    const data = line.startsWith('data: {') ? line.slice('data: '.length) : '{}'
    return (JSON.parse(data) as OpenAiChunk).choices?.[0]?.delta?.content
  })
}

/** `POST /api/chat`, with the window and the timer with which grym loads. */
export async function ollamaFirstTextMs(
  baseUrl: string,
  model: string,
  question: string,
  signal: AbortSignal,
): Promise<number> {
  const messages = [{ role: 'user', content: question }]
  const options = { num_ctx: CONTEXT_TOKENS, num_predict: ANSWER_TOKENS, temperature: 0 }
  const body = { model, messages, options, keep_alive: '24h', stream: true }
  return firstTextMs(`${baseUrl}/api/chat`, body, signal, (line) => {
    return (JSON.parse(line) as OllamaChunk).message?.content
  })
}

interface OpenAiChunk {
  readonly choices?: readonly { readonly delta?: { readonly content?: string | null } }[]
}

interface OllamaChunk {
  readonly message?: { readonly content?: string }
}

async function firstTextMs(
  url: string,
  body: object,
  signal: AbortSignal,
  textOf: (line: string) => string | null | undefined,
): Promise<number> {
  const startedAtMs = performance.now()
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]),
  })
  if (!response.ok || !response.body) throw new Error(`${url}: ${response.status} ${await response.text()}`)
  let firstTextAtMs: number | undefined
  let last = ''
  for await (const line of createInterface({ input: Readable.fromWeb(response.body) })) {
    if (line === '') continue
    last = line
    if (firstTextAtMs === undefined && textOf(line)) firstTextAtMs = performance.now()
  }
  if (firstTextAtMs === undefined) throw new Error(`${url} answered without text: ${last.slice(0, 1_000)}`)
  return firstTextAtMs - startedAtMs
}
