import { getLlama, type LlamaContext, LlamaLogLevel, type LlamaModel } from 'node-llama-cpp'

export interface BareOptions {
  readonly modelPath: string
  readonly contextTokens: number
  readonly batchTokens: number
  readonly threads: number
}

/** As the words of a command, to be read by {@link bareOptions}. */
export function bareWords({ modelPath, contextTokens, batchTokens, threads }: BareOptions): string[] {
  return [modelPath, ...[contextTokens, batchTokens, threads].map(String)]
}

/** Of the command of this process, and what stands behind them. */
export function bareOptions(): { readonly options: BareOptions; readonly rest: readonly string[] } {
  const [modelPath = '', contextTokens = '0', batchTokens = '0', threads = '1', ...rest] = process.argv.slice(2)
  const options = {
    modelPath,
    contextTokens: Number(contextTokens),
    batchTokens: Number(batchTokens),
    threads: Number(threads),
  }
  return { options, rest }
}

/** The engine without grym: its library, a model and a context, with the settings that grym uses. */
export async function openBareContext(options: BareOptions): Promise<{ model: LlamaModel; context: LlamaContext }> {
  const { modelPath, contextTokens, batchTokens, threads } = options
  const llama = await getLlama({ build: 'never', gpu: false, logLevel: LlamaLogLevel.disabled })
  const model = await llama.loadModel({ modelPath, gpuLayers: 0, useMmap: true, ignoreMemorySafetyChecks: true })
  const context = await model.createContext({
    contextSize: contextTokens,
    batchSize: batchTokens,
    sequences: 1,
    threads,
    ignoreMemorySafetyChecks: true,
  })
  return { model, context }
}

/** The one line that such a program prints; it ends itself then. */
export function finish(result: object): void {
  process.stdout.write(JSON.stringify(result), () => process.exit(0))
}
