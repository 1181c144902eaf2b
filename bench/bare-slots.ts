import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import type { BareEngine, BareRestored, BareState } from './bare-engine.ts'
import { LlamaServerProcess, llamaServerOf } from './llama-server.ts'

/** A reading of the longest prompt on a slow machine. */
const DEADLINE_MS = 600_000

/** A llama-server process for each call, asked by its own API: `/slots/0?action=…`, then `/completion`. */
export class BareSlots implements BareEngine {
  readonly #command: readonly string[]
  readonly #signal: AbortSignal
  #saved = 0

  /** @param folder where its states lie; @param signal what is on its way ends, and its process. */
  constructor(binary: string, modelPath: string, folder: string, signal: AbortSignal) {
    this.#command = llamaServerOf(binary, modelPath, folder)
    this.#signal = signal
  }

  async save(question: string): Promise<BareState> {
    const filename = `bare-${++this.#saved}.state`
    const stop = this.#signal
    await using server = await this.#start()
    const messages = [{ role: 'user', content: question }]
    const { prompt } = await post<{ prompt: string }>(`${server.url}/apply-template`, { messages }, stop)
    const { tokens } = await post<{ tokens: number[] }>(
      `${server.url}/tokenize`,
      { content: prompt, add_special: true, parse_special: true },
      stop,
    )
    await post(`${server.url}/completion`, { prompt: tokens, n_predict: 1, temperature: 0, id_slot: 0 }, stop)
    await post(`${server.url}/slots/0?action=save`, { filename }, stop)
    return { promptTokens: tokens.length, restore: () => this.#restore(filename, tokens) }
  }

  async #restore(filename: string, tokens: readonly number[]): Promise<BareRestored> {
    const stop = this.#signal
    await using server = await this.#start()
    const startedAtMs = performance.now()
    await post(`${server.url}/slots/0?action=restore`, { filename }, stop)
    const restoreMs = performance.now() - startedAtMs
    const { text, atMs } = await firstText(
      `${server.url}/completion`,
      { prompt: tokens, n_predict: 4, temperature: 0, id_slot: 0, stream: true },
      stop,
    )
    return { restoreMs, firstTokenMs: atMs - startedAtMs, text }
  }

  #start(): Promise<LlamaServerProcess> {
    return LlamaServerProcess.start(this.#command, this.#signal)
  }
}

interface FirstText {
  readonly text: string
  readonly atMs: number
}

async function asked(url: string, body: object, stop: AbortSignal): Promise<Response> {
  const headers = { 'content-type': 'application/json' }
  const signal = AbortSignal.any([stop, AbortSignal.timeout(DEADLINE_MS)])
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body), signal })
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`)
  return response
}

async function post<Result>(url: string, body: object, stop: AbortSignal): Promise<Result> {
  return (await (await asked(url, body, stop)).json()) as Result
}

/** The stream is read to its end: a server that stops while it answers breaks it off. */
async function firstText(url: string, body: object, stop: AbortSignal): Promise<FirstText> {
  const response = await asked(url, body, stop)
  if (!response.body) throw new Error(`${url} answered without a body`)
  let first: FirstText | undefined
  for await (const line of createInterface({ input: Readable.fromWeb(response.body) })) {
    if (first || !line.startsWith('data: {')) continue
    const { content: text = '' } = JSON.parse(line.slice('data: '.length)) as { content?: string }
    if (text !== '') first = { text, atMs: performance.now() }
  }
  if (!first) throw new Error(`${url} answered without text`)
  return first
}
