import { isAbsolute, resolve } from 'node:path'

/** What a command line of llama-server says of the model. */
export interface LlamaServerArguments {
  readonly modelPath?: string
  /** Window of one slot. */
  readonly contextTokens?: number
  readonly slots?: number
  readonly onlyEmbeds: boolean
  /** Its weights are mapped from their file, not copied. */
  readonly isMapped: boolean
}

/** Is this word of a command the program itself? */
export function isLlamaServer(word: string): boolean {
  return /(?:^|[/\\])llama-server(?:\.exe)?$/i.test(word)
}

/** Reads the command of a llama-server, also behind a wrapper (`nice`, `env`); nothing is known of other programs. */
export function llamaServerArguments(command: readonly string[], folder?: string): LlamaServerArguments {
  const at = command.findIndex(isLlamaServer)
  if (at === -1) return { onlyEmbeds: false, isMapped: false }
  const words = command.slice(at + 1)
  const path = valueOf(words, ['-m', '--model'])
  const slots = countOf(words, ['-np', '--parallel'])
  const allTokens = countOf(words, ['-c', '--ctx-size'])
  const modelPath = path !== undefined && folder !== undefined && !isAbsolute(path) ? resolve(folder, path) : path
  const isUnified = words.includes('-kvu') || words.includes('--kv-unified')
  return {
    ...(modelPath !== undefined && { modelPath }),
    ...(slots !== undefined && { slots }),
    // Without a number of slots it chooses one, and shares the window among them.
    ...(allTokens !== undefined &&
      slots !== undefined && { contextTokens: isUnified ? allTokens : Math.floor(allTokens / slots) }),
    onlyEmbeds: words.includes('--embedding') || words.includes('--embeddings'),
    isMapped: !words.includes('--no-mmap') && valueOf(words, ['-lm', '--load-mode']) !== 'none',
  }
}

/** The last one counts, as there. */
function valueOf(words: readonly string[], names: readonly string[]): string | undefined {
  const at = words.findLastIndex((word) => names.includes(word))
  return at === -1 ? undefined : words[at + 1]
}

/** Above 0: 0 and less are llama-server's ways to say that it chooses. */
function countOf(words: readonly string[], names: readonly string[]): number | undefined {
  const count = Number(valueOf(words, names))
  return Number.isInteger(count) && count > 0 ? count : undefined
}
