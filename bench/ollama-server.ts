import { join } from 'node:path'
import { RealOllamaServer } from '../test/support/real-ollama-server.ts'
import { type ChatServer, ollamaFirstTextMs } from './chat-server.ts'

/** A real Ollama with room for one model, and the models of a folder by the names of their files. */
export async function startOllama(
  binary: string,
  folder: string,
  models: readonly string[],
): Promise<RealOllamaServer> {
  const ollama = await RealOllamaServer.start(binary, { OLLAMA_MAX_LOADED_MODELS: '1' })
  try {
    for (const name of models) await ollama.make({ name, path: join(folder, `${name}.gguf`) })
    return ollama
  } catch (error) {
    await ollama[Symbol.asyncDispose]()
    throw error
  }
}

/** Ollama by itself. */
export class BareOllama implements ChatServer {
  readonly name = 'ollama_bare'
  readonly #ollama: RealOllamaServer

  constructor(ollama: RealOllamaServer) {
    this.#ollama = ollama
  }

  firstTextMs(model: string, question: string, signal: AbortSignal): Promise<number> {
    return ollamaFirstTextMs(this.#ollama.url, model, question, signal)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#ollama[Symbol.asyncDispose]()
  }
}
