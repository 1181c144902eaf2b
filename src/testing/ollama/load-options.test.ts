import { describe, expect, test } from 'vitest'
import { type EngineAge, engineAge } from './engine-age.ts'
import { type LoadSignature, needsReload, readOptions } from './load-options.ts'
import { DEFAULT_MODELS, type FakeModel } from './models.ts'

const OLD = engineAge('0.17.4')
const NEW = engineAge('0.33.0-rc2')
const GIB = 2 ** 30
const [llama, , , , small] = DEFAULT_MODELS as readonly [FakeModel, FakeModel, FakeModel, FakeModel, FakeModel]

function options(age: EngineAge, asked: Record<string, unknown> = {}, model: FakeModel = llama, vramBytes = 0) {
  return readOptions(model, asked, { age, vramBytes, contextTokens: 0 })
}

function signature(age: EngineAge, asked: Record<string, unknown> = {}, more: Partial<LoadSignature> = {}) {
  return { options: options(age, asked).load, isShifting: true, adapters: [], projectors: [], ...more }
}

test('the two ages part at 0.30', () => {
  expect(['0.17.4', '0.24.0', '0.30.0', '1.0.0'].map(engineAge)).toEqual([OLD, OLD, NEW, NEW])
})

test.each([
  [0, 4_096],
  [23 * GIB - 1, 4_096],
  [23 * GIB, 32_768],
  [47 * GIB - 1, 32_768],
  [47 * GIB, 262_144],
])('with %d bytes of GPU memory the context is %d when nobody says', (vramBytes, tokens) => {
  expect(options(OLD, {}, llama, vramBytes).load.numCtxTokens).toBe(tokens)
  expect(options(NEW, {}, llama, vramBytes).load.numCtxTokens).toBe(Math.min(tokens, 131_072))
})

test('num_ctx is raised to 4, with vision to 2048, and only from 0.30 on held down to the trained context', () => {
  expect(options(OLD, { num_ctx: 1 }).load.numCtxTokens).toBe(4)
  const seeing: FakeModel = { ...llama, capabilities: ['completion', 'vision'] }
  expect(options(OLD, { num_ctx: 512 }, seeing).load.numCtxTokens).toBe(2_048)
  expect(options(OLD, { num_ctx: 100_000 }, small).load.numCtxTokens).toBe(100_000)
  expect(options(NEW, { num_ctx: 100_000 }, small).load.numCtxTokens).toBe(8_192)
})

test('the automatic batch grows with the context from 0.30 on', () => {
  const batches = [4_096, 4_097, 32_769].map((num_ctx) => options(NEW, { num_ctx }).load.numBatch)
  expect(batches).toEqual([512, 1_024, 2_048])
  expect(options(OLD, { num_ctx: 32_769 }).load.numBatch).toBe(512)
})

test('the options of a name are under those of a request', () => {
  const named: FakeModel = { ...llama, parameters: { num_ctx: 2_000, stop: ['</s>'], num_keep: 9 } }
  const { load, run } = options(NEW, { num_ctx: 3_000, stop: null }, named)
  expect([load.numCtxTokens, run.stop, run.numKeepTokens]).toEqual([3_000, ['</s>'], 9])
})

test('options of requests have the defaults of the reference', () => {
  expect(options(NEW).run).toEqual({ numPredictTokens: -1, numKeepTokens: 4, stop: [] })
})

test.each([
  ['num_ctx', '8', 'integer'],
  ['seed', true, 'integer'],
  ['temperature', '1', 'float32'],
  ['use_mmap', 1, 'boolean'],
  ['stop', 'x', 'array'],
])('option %s of %j must be of type %s', (name, value, kind) => {
  expect(() => options(NEW, { [name]: value })).toThrow(
    expect.objectContaining({ status: 400, message: `option "${name}" must be of type ${kind}` }),
  )
})

test('an unknown option is ignored', () => {
  expect(options(OLD, { num_ctxx: 'x', draft_num_predict: 'not known yet' })).toEqual(options(OLD))
})

describe.each([OLD, NEW])('reload (%s)', (age) => {
  test.each(['num_ctx', 'num_batch', 'num_gpu', 'main_gpu', 'num_thread'])('another %s reloads', (name) => {
    expect(needsReload(age, signature(age, { [name]: 5 }), signature(age, { [name]: 6 }))).toBe(true)
    expect(needsReload(age, signature(age, { [name]: 5 }), signature(age, { [name]: 5 }))).toBe(false)
  })

  test('another use_mmap reloads, and so does one that is no longer said', () => {
    const mapped = signature(age, { use_mmap: true })
    expect(needsReload(age, mapped, signature(age, { use_mmap: false }))).toBe(true)
    expect(needsReload(age, mapped, signature(age))).toBe(true)
  })

  test('a negative num_gpu fits any', () => {
    expect(needsReload(age, signature(age, { num_gpu: 5 }), signature(age))).toBe(false)
    expect(needsReload(age, signature(age), signature(age, { num_gpu: 5 }))).toBe(true)
  })

  test('adapters and projectors are a part of it', () => {
    expect(needsReload(age, signature(age), signature(age, {}, { adapters: ['a'] }))).toBe(true)
    expect(needsReload(age, signature(age), signature(age, {}, { projectors: ['p'] }))).toBe(true)
  })

  test('a context that was said and is not said again reloads, unless it is the same', () => {
    expect(needsReload(age, signature(age, { num_ctx: 8_192 }), signature(age))).toBe(true)
    expect(needsReload(age, signature(age, { num_ctx: 4_096 }), signature(age))).toBe(false)
  })

  test('sampling never reloads', () => {
    const sampling = { temperature: 0, seed: 1, stop: ['x'], num_predict: 3, num_keep: 1, top_k: 1 }
    expect(needsReload(age, signature(age), signature(age, sampling))).toBe(false)
  })

  test('context shift counts from 0.30 on', () => {
    expect(needsReload(age, signature(age), signature(age, {}, { isShifting: false }))).toBe(age === NEW)
  })

  test('main_gpu 0 is the default before 0.30 and something said after it', () => {
    expect(needsReload(age, signature(age), signature(age, { main_gpu: 0 }))).toBe(age === NEW)
  })

  test('draft_num_predict counts from 0.30 on', () => {
    expect(needsReload(age, signature(age), signature(age, { draft_num_predict: 8 }))).toBe(age === NEW)
  })
})

test('from 0.30 on what was automatic both times is kept, whatever it comes to by now', () => {
  const before = { options: options(NEW, {}, llama, 0).load, isShifting: true, adapters: [], projectors: [] }
  const after = { ...before, options: options(NEW, {}, llama, 48 * GIB).load }
  expect(before.options.numCtxTokens).not.toBe(after.options.numCtxTokens)
  expect(needsReload(NEW, before, after)).toBe(false)
  expect(needsReload(OLD, before, after)).toBe(true)
})
