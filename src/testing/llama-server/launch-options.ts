/** What the command line of a llama-server says, as far as this fake does something with it. */
export interface LaunchOptions {
  readonly host: string
  readonly port: number
  /** '' where none was named. */
  readonly modelPath: string
  readonly alias: string
  /** `undefined`: what the model was trained for. */
  readonly contextTokens: number | undefined
  /** `undefined`: four slots, each with the whole context. */
  readonly parallel: number | undefined
  readonly isContextUnified: boolean
  readonly batchTokens: number
  readonly apiKeys: readonly string[]
  readonly slotSavePath: string | undefined
  /** 0 or less: never. */
  readonly ssePingMs: number
  readonly isEmbedding: boolean
  /** How an embedding is made of its tokens. `none` is what a model that chats does without a word. */
  readonly pooling: string
  /** Most tokens of an embedding that is made of all of them at once. */
  readonly physicalBatchTokens: number
  readonly hasSlotsEndpoint: boolean
  readonly cacheTypeK: string
  readonly maxTokens: number | undefined
  /** MiB of `--cache-ram`; 0 is off. */
  readonly isPromptCacheOn: boolean
}

/** Flags that this fake reads, each with its other names. All take a value but those of {@link SWITCHES}. */
const NAMES: Readonly<Record<string, string>> = {
  '-m': '--model',
  '-a': '--alias',
  '-c': '--ctx-size',
  '-np': '--parallel',
  '-b': '--batch-size',
  '-ub': '--ubatch-size',
  '-n': '--predict',
  '--n-predict': '--predict',
  '-ctk': '--cache-type-k',
  '-kvu': '--kv-unified',
  '-cram': '--cache-ram',
  '--embeddings': '--embedding',
}
const SWITCHES: ReadonlySet<string> = new Set([
  '--embedding',
  '--slots',
  '--no-slots',
  '--kv-unified',
  '--no-kv-unified',
])

/**
 * Reads the arguments as llama-server does. A flag that is not known is taken to be one of llama-server's, with a value
 * when what follows does not look like a flag. Environment variables (`LLAMA_ARG_*`) are not read. Throws on a value that
 * is no number where one is needed.
 */
export function readLaunchOptions(args: readonly string[]): LaunchOptions {
  const { values, switches } = readFlags(args)
  const number = (flag: string): number | undefined => {
    const text = values.get(flag)
    if (text === undefined) return undefined
    if (!/^-?\d+$/.test(text)) throw new TypeError(`error while handling argument "${flag}": stoi`)
    return Number(text)
  }
  const modelPath = values.get('--model') ?? ''
  const contextTokens = number('--ctx-size')
  const parallel = number('--parallel')
  const savePath = values.get('--slot-save-path')
  const limit = number('--predict')
  return {
    host: values.get('--host') ?? '127.0.0.1',
    port: number('--port') ?? 8080,
    modelPath,
    alias: values.get('--alias')?.split(',')[0] ?? modelPath,
    contextTokens: contextTokens === 0 ? undefined : contextTokens,
    parallel: parallel === -1 ? undefined : parallel,
    isContextUnified: switches.has('--kv-unified'),
    batchTokens: number('--batch-size') ?? 2048,
    apiKeys: values.get('--api-key')?.split(',') ?? [],
    slotSavePath: savePath === undefined || savePath.endsWith('/') ? savePath : `${savePath}/`,
    ssePingMs: (number('--sse-ping-interval') ?? 30) * 1000,
    isEmbedding: switches.has('--embedding'),
    pooling: values.get('--pooling') ?? 'none',
    physicalBatchTokens: number('--ubatch-size') ?? 512,
    hasSlotsEndpoint: !switches.has('--no-slots'),
    cacheTypeK: values.get('--cache-type-k') ?? 'f16',
    maxTokens: limit === -1 ? undefined : limit,
    isPromptCacheOn: number('--cache-ram') !== 0,
  }
}

/** Slots, and the context of each: as llama.cpp cuts it, in multiples of 256 and never more than the model was trained for. */
export function slotContext(options: LaunchOptions, trainedTokens: number): { slots: number; contextTokens: number } {
  const slots = options.parallel ?? 4
  const whole = padded(options.contextTokens ?? trainedTokens)
  const isUnified = options.isContextUnified || options.parallel === undefined
  const each = isUnified ? whole : padded(Math.floor(whole / slots))
  return { slots, contextTokens: Math.min(each, trainedTokens) }
}

function padded(tokens: number): number {
  return Math.ceil(tokens / 256) * 256
}

function readFlags(args: readonly string[]): { values: Map<string, string>; switches: Set<string> } {
  const values = new Map<string, string>()
  const switches = new Set<string>()
  for (let place = 0; place < args.length; place++) {
    const written = args[place] ?? ''
    const flag = NAMES[written] ?? written
    const next = args[place + 1]
    if (SWITCHES.has(flag) || next === undefined || /^-\D/.test(next)) switches.add(flag)
    else {
      values.set(flag, next)
      place++
    }
  }
  return { values, switches }
}
