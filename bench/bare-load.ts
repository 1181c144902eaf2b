import { getLlama, LlamaLogLevel } from 'node-llama-cpp'

/*
 * What grym's load is compared with: a program that does nothing but load a model and open a context, with the same
 * settings. Prints `{"loadMs"}`, without its own start, and ends; the bench takes the time of the whole process.
 */
const [modelPath = '', contextTokens = '0', batchTokens = '0', threads = '1'] = process.argv.slice(2)
const startedAtMs = performance.now()
const llama = await getLlama({ build: 'never', gpu: false, logLevel: LlamaLogLevel.disabled })
const model = await llama.loadModel({ modelPath, gpuLayers: 0, useMmap: true, ignoreMemorySafetyChecks: true })
await model.createContext({
  contextSize: Number(contextTokens),
  batchSize: Number(batchTokens),
  sequences: 1,
  threads: Number(threads),
  ignoreMemorySafetyChecks: true,
})
process.stdout.write(JSON.stringify({ loadMs: performance.now() - startedAtMs }), () => process.exit(0))
