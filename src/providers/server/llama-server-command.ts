import type { ModelDefinition } from '../../spec/model.ts'

/**
 * Tokens evaluated at once: a client that leaves during a prompt is noticed between two batches, after 1.2 s with 256,
 * after 10 s with llama-server's own 2,048 (SmolLM2 on two cores).
 */
export const LLAMA_SERVER_BATCH_TOKENS = 256
/** How often a silent stream says that it is there; with its own 30 s a SIGTERM during an answer takes as long (measured). */
const PING_SECONDS = 3

export interface LlamaServerCommandOptions {
  /** Path of the program. */
  readonly binary: string
  readonly modelPath: string
  readonly definition: Pick<ModelDefinition, 'contextTokens' | 'parallel' | 'engine' | 'checkpoints' | 'onlyEmbeds'>
  /** Cores that it may compute with. */
  readonly threads: number
  /** Where it saves and restores the states of slots. Default: it cannot. */
  readonly stateFolder?: string | undefined
  /**
   * Memory for prompts of conversations that no slot holds any more. Default 0: llama-server's own 8 GiB would grow beside
   * what is known of its footprint.
   */
  readonly promptCacheMebibytes?: number
  /** See `llamaServerFlags`: what only newer ones know is left out where it is not among them. Default: all are known. */
  readonly knownFlags?: ReadonlySet<string> | undefined
}

/** Copies of its state that a slot may keep, as in the embedded engine; llama-server's own 32 are counted nowhere. */
const MOST_CHECKPOINTS = 8

/** The command that serves a GGUF file on `${port}` of loopback, as a definition wants it. Flags as of llama.cpp b11434. */
export function llamaServerCommand(options: LlamaServerCommandOptions): string[] {
  const { binary, modelPath, definition, threads, stateFolder, promptCacheMebibytes = 0 } = options
  const { contextTokens, parallel, engine, checkpoints = MOST_CHECKPOINTS, onlyEmbeds } = definition
  const { kvType, template, loras, batchTokens = LLAMA_SERVER_BATCH_TOKENS } = engine
  // A model that embeds looks in both directions: all of a text has to lie in one batch.
  const batch = String(onlyEmbeds ? contextTokens : batchTokens)
  const plain = loras.filter(({ scale }) => scale === 1).map(({ path }) => path)
  const scaled = loras.filter(({ scale }) => scale !== 1).map(({ path, scale }) => `${path}:${scale}`)
  const where = (flag: string, ...values: readonly string[]): readonly string[] =>
    options.knownFlags && !options.knownFlags.has(flag) ? [] : [flag, ...values]
  return [
    binary,
    ...['--model', modelPath, '--host', '127.0.0.1', '--port', '${port}'],
    // Every slot has a window of its own, and the number is for all of them together.
    ...['--ctx-size', String(contextTokens * parallel), '--parallel', String(parallel)],
    ...where('--no-kv-unified'),
    ...['--cache-type-k', kvType, '--cache-type-v', kvType],
    ...['--threads', String(threads), '--batch-size', batch, '--ubatch-size', batch],
    ...where('--sse-ping-interval', String(PING_SECONDS)),
    ...where('--cache-ram', String(promptCacheMebibytes)),
    ...where('--ctx-checkpoints', String(checkpoints)),
    // The window is a promise: neither made smaller to fit, nor shifted when it is full.
    ...where('--fit', 'off'),
    ...where('--no-context-shift'),
    ...where('--no-webui'),
    ...where('--offline'),
    ...(template === null ? [] : ['--jinja', '--chat-template', template]),
    ...(plain.length > 0 ? ['--lora', plain.join(',')] : []),
    ...(scaled.length > 0 ? ['--lora-scaled', scaled.join(',')] : []),
    ...(stateFolder === undefined ? [] : where('--slot-save-path', stateFolder)),
    ...(onlyEmbeds ? ['--embeddings'] : []),
  ]
}
