import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import type { BareEngine, BareRestored, BareState } from './bare-engine.ts'
import { LlamaServerProcess, llamaServerOf } from './llama-server.ts'

/** A reading of the longest prompt on a slow machine. */
const DEADLINE_MS = 600_000

/** A llama-server process for each call, asked by its own API: `/slots/0?action=…`, then `/completion`. */
export class BareSlots implements BareEngine {
  readonly #command: readonly string[]
  #saved = 0

  /** @param folder where its states lie. */
  constructor(binary: string, modelPath: string, folder: string) {
    this.#command = llamaServerOf(binary, modelPath, folder)
  }

  async save(question: string): Promise<BareState> {
    const filename = `bare-${++this.#saved}.state`
    await using server = await this.#start()
    const messages = [{ role: 'user', content: question }]
    const { prompt } = await post<{ prompt: string }>(`${server.url}/apply-template`, { messages })
    const { tokens } = await post<{ tokens: number[] }>(`${server.url}/tokenize`, {
      ...{ content: prompt, add_special: true, parse_special: true },
    })
    await post(`${server.url}/completion`, { prompt: tokens, n_predict: 1, temperature: 0, id_slot: 0 })
    await post(`${server.url}/slots/0?action=save`, { filename })
    return { promptTokens: tokens.length, restore: () => this.#restore(filename, tokens) }
  }

  async #restore(filename: string, tokens: readonly number[]): Promise<BareRestored> {
    await using server = await this.#start()
    const startedAtMs = performance.now()
    await post(`${server.url}/slots/0?action=restore`, { filename })
    const restoreMs = performance.now() - startedAtMs
    const text = await firstText(`${server.url}/completion`, {
      ...{ prompt: tokens, n_predict: 4, temperature: 0, id_slot: 0, stream: true },
    })
    return { restoreMs, firstTokenMs: performance.now() - startedAtMs, text }
  }

  #start(): Promise<LlamaServerProcess> {
    return LlamaServerProcess.start(this.#command, AbortSignal.timeout(DEADLINE_MS))
  }
}

async function asked(url: string, body: object): Promise<Response> {
  const headers = { 'content-type': 'application/json' }
  const signal = AbortSignal.timeout(DEADLINE_MS)
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body), signal })
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`)
  return response
}

async function post<Result>(url: string, body: object): Promise<Result> {
  return (await (await asked(url, body)).json()) as Result
}

/** What comes behind it is not waited for: the process ends next. */
async function firstText(url: string, body: object): Promise<string> {
  const response = await asked(url, body)
  if (!response.body) throw new Error(`${url} answered without a body`)
  for await (const line of createInterface({ input: Readable.fromWeb(response.body) })) {
    if (!line.startsWith('data: {')) continue
    const { content = '' } = JSON.parse(line.slice('data: '.length)) as { content?: string }
    if (content !== '') return content
  }
  throw new Error(`${url} answered without text`)
}
