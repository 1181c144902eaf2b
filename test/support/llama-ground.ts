import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FakeLlamaServer, type FakeLlamaServerOptions } from '../../src/testing/fake-llama-server.ts'
import { type HttpReply, httpAsk } from './http-ask.ts'

type Json = Record<string, unknown>

/** A folder with a file that begins like a model, and fake servers that serve it; all gone at the end. */
export class LlamaGround implements AsyncDisposable {
  readonly folder: string
  readonly modelPath: string
  readonly #servers: FakeLlamaServer[] = []

  private constructor(folder: string) {
    this.folder = folder
    this.modelPath = join(folder, 'tiny.gguf')
  }

  static async make(): Promise<LlamaGround> {
    const ground = new LlamaGround(await mkdtemp(join(tmpdir(), 'fake-llama-')))
    await writeFile(ground.modelPath, 'GGUF and no more')
    return ground
  }

  /** Starts a server with these arguments beside the model, and waits until it is loaded. */
  async start(
    args: readonly string[] = [],
    knobs: Omit<FakeLlamaServerOptions, 'args'> = {},
  ): Promise<FakeLlamaServer> {
    const server = await FakeLlamaServer.start({ ...knobs, args: ['-m', this.modelPath, ...args] })
    this.#servers.push(server)
    if (!knobs.clock) await server.loaded
    return server
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) await server.stop()
    await rm(this.folder, { recursive: true })
  }
}

/** Asks for a chat of one message. */
export function chat(server: { readonly url: string }, content: string, more: Json = {}): Promise<HttpReply> {
  const body = { messages: [{ role: 'user', content }], temperature: 0, ...more }
  return httpAsk(`${server.url}/v1/chat/completions`, body)
}

/** The counts of an answer. */
export function usageOf({ json }: HttpReply): { prompt: number; cached: number; answer: number } {
  const usage = json['usage'] as { prompt_tokens: number; completion_tokens: number; prompt_tokens_details: Json }
  const cached = usage.prompt_tokens_details['cached_tokens'] as number
  return { prompt: usage.prompt_tokens, cached, answer: usage.completion_tokens }
}
