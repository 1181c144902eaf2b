import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import {
  getLlama,
  type Llama,
  type LlamaContextSequence,
  LlamaLogLevel,
  type LlamaModel,
  TokenBias,
} from 'node-llama-cpp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SCHEMA_CASES } from '../../../../../test/support/schema-cases.ts'
import { tinyGguf } from '../../../../testing/tiny-gguf.ts'
import { GrammarCache } from '../grammar-cache.ts'
import { Grammar } from './grammar.ts'
import { schemaRule } from './schema-rules.ts'

/*
 * The same schemas on the real engine: a model with random weights writes whatever the grammar leaves it, at a high
 * temperature. It is nudged towards the quote, or its texts would take the whole window.
 */

const SEEDS = [1, 2]
const MAX_TOKENS = 600

let folder = ''
let llama: Llama
let model: LlamaModel
let sequence: LlamaContextSequence
let grammars: GrammarCache
let ended = 0

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'grym-schema-'))
  const modelPath = join(folder, 'tiny.gguf')
  await writeFile(modelPath, tinyGguf())
  llama = await getLlama({
    build: 'never',
    skipDownload: true,
    gpu: false,
    maxThreads: 1,
    logLevel: LlamaLogLevel.disabled,
  })
  model = await llama.loadModel({ modelPath })
  sequence = (await model.createContext({ contextSize: 1_024 })).getSequence()
  grammars = new GrammarCache(llama)
})

afterAll(async () => {
  await llama.dispose()
  await rm(folder, { recursive: true, force: true })
})

/** What the model writes; `undefined` = it did not come to an end. */
async function write(grammar: string, seed: number): Promise<string | undefined> {
  await sequence.clearHistory()
  const tokenBias = new TokenBias(model.tokenizer)
  for (const closing of ['"', '}', ']']) tokenBias.set(model.tokenize(closing).at(-1) ?? closing, 0.6)
  const grammarEvaluationState = grammars.begin(grammar, model)
  const options = { temperature: 1.2, topK: 0, topP: 1, seed, grammarEvaluationState, tokenBias }
  const tokens = sequence.evaluate(model.tokenize('x'), options)
  const written = []
  for await (const token of tokens) {
    written.push(token)
    if (written.length === MAX_TOKENS) return undefined
  }
  return model.detokenize(written)
}

test.each(SCHEMA_CASES)('$name', async ({ schema }) => {
  const grammar = new Grammar()
  const text = grammar.text(schemaRule(grammar, schema, 'answer'))
  const ajv = new (JSON.stringify(schema).includes('"items":[') ? Ajv : Ajv2020)({
    strict: false,
    validateSchema: false,
  })
  addFormats.default(ajv)
  const { exclusiveMinimum, ...rest } = schema as Record<string, unknown>
  const validate = ajv.compile(typeof exclusiveMinimum === 'boolean' ? rest : (schema as object))
  for (const seed of SEEDS) {
    const written = await write(text, seed)
    if (written === undefined) continue
    ended += 1
    expect(validate(JSON.parse(written)), `${written}: ${JSON.stringify(validate.errors)}`).toBe(true)
  }
})

test('nearly all of them came to their end', () => {
  expect(ended / (SCHEMA_CASES.length * SEEDS.length)).toBeGreaterThan(0.8)
})
