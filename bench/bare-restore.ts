import type { Token } from 'node-llama-cpp'
import { bareOptions, finish, openBareContext } from './bare-context.ts'

/*
 * What grym's restore is compared with: the engine without grym loads a state and says the first token after it. `… STATE_FILE LAST_TOKEN`;
 * prints `{"restoreMs", "firstTokenMs", "text"}`, both from the moment when the model is loaded.
 */
const { options, rest } = bareOptions()
const [statePath = '', lastToken = ''] = rest
const { model, context } = await openBareContext(options)
const sequence = context.getSequence()
const startedAtMs = performance.now()
await sequence.loadStateFromFile(statePath, { acceptRisk: true })
const restoreMs = performance.now() - startedAtMs
const first = await sequence.evaluate([Number(lastToken) as Token], { temperature: 0 }).next()
const text = first.value === undefined ? '' : model.detokenize([first.value])
finish({ restoreMs, firstTokenMs: performance.now() - startedAtMs, text })
