import { getLlama, type LlamaContextSequence, LlamaLogLevel, type LlamaModel } from 'node-llama-cpp'
import { smollm2 } from '../test/support/smollm2.ts'
import { median, Report, timed } from './report.ts'

/*
 * Is batching worth more than a context for each slot? Answers are generated side by side: by sequences of one context,
 * which the engine evaluates in one batch, and by contexts of one sequence each, as grym does. In turns, on one thread
 * count after the other.
 */

const TOKENS = 48
const ROUNDS = 5

async function generate(sequence: LlamaContextSequence, model: LlamaModel): Promise<void> {
  await sequence.clearHistory()
  const tokens = sequence.evaluate(model.tokenize('Once upon a time there was'), { temperature: 0 })
  for (let count = 0; count < TOKENS; count++) if ((await tokens.next()).done) break
  await tokens.return()
}

function together(sequences: readonly LlamaContextSequence[], model: LlamaModel): Promise<number> {
  return timed(() => Promise.all(sequences.map((sequence) => generate(sequence, model))))
}

const report = new Report()
const modelPath = await smollm2()
for (const threads of [1, 2]) {
  const llama = await getLlama({
    build: 'never',
    skipDownload: true,
    gpu: false,
    maxThreads: threads,
    logLevel: LlamaLogLevel.disabled,
  })
  const model = await llama.loadModel({ modelPath })
  for (const slots of [2, 4]) {
    const options = { contextSize: 512, batchSize: 128, threads }
    const batched = await model.createContext({ ...options, sequences: slots })
    const apart = await Promise.all(
      Array.from({ length: slots }, () => model.createContext({ ...options, sequences: 1 })),
    )
    const inOne = Array.from({ length: slots }, () => batched.getSequence())
    const inMany = apart.map((context) => context.getSequence())
    const times: { one: number[]; many: number[] } = { one: [], many: [] }
    for (let round = 0; round <= ROUNDS; round++) {
      const [one, many] = [await together(inOne, model), await together(inMany, model)]
      // The first round touches the memory of both.
      if (round === 0) continue
      times.one.push(one)
      times.many.push(many)
    }
    const ratio = median(times.many) / median(times.one)
    const note = `${slots} answers of ${TOKENS} tokens, ${threads} threads: ${Math.round(median(times.many))} ms in contexts of their own, ${Math.round(median(times.one))} ms batched in one`
    report.add({ metric: `slots.contexts_over_batched_ratio.${slots}x${threads}`, value: ratio, unit: 'ratio', note })
    await Promise.all([batched.dispose(), ...apart.map((context) => context.dispose())])
  }
  await llama.dispose()
}
