import { expect, test } from 'vitest'
import { readResidents, readShow, readTags } from './ollama-replies.ts'

const SHA256 = 'ab'.repeat(32)

test('the weights are what the first FROM names, whatever the folder and the comments before it', () => {
  const weights = (modelfile: string): string | undefined => readShow({ modelfile }).weightsSha256
  const hint = '# To build a new Modelfile based on this, replace FROM with:\n# FROM x:latest\n\n'
  expect(weights(`${hint}FROM /usr/share/ollama/.ollama/models/blobs/sha256-${SHA256}\nTEMPLATE x\n`)).toBe(SHA256)
  expect(weights(`${hint}FROM C:\\models\\blobs\\sha256-${SHA256}\nFROM /blobs/sha256-${'cd'.repeat(32)}\n`)).toBe(
    SHA256,
  )
  expect(weights(`${hint}FROM @sha256:${SHA256.toUpperCase()}\n`)).toBe(SHA256)
  expect(weights(`${hint}FROM x:latest\n`)).toBeUndefined()
  expect(weights('')).toBeUndefined()
  const spaced = `/Users/you/My Models/blobs/sha256-${SHA256}`
  expect(readShow({ modelfile: `FROM ${spaced}\nFROM /blobs/other\n` }).weightsPath).toBe(spaced)
})

test("a model's own parameters are read as Go writes them", () => {
  const parameters = [
    'num_ctx                        8192',
    'num_batch                      256',
    'num_gpu                        0',
    'num_thread                     4',
    'use_mmap                       false',
    'stop                           "<|im_start|>"',
    'stop                           "<|im_end|>"',
    'stop                           "a \\"word\\""',
    'temperature                    0.7',
    'without-a-value',
  ].join('\n')
  expect(readShow({ parameters }).parameters).toEqual({
    batchTokens: 256,
    gpuLayers: 0,
    threads: 4,
    mayMap: false,
    stop: ['<|im_start|>', '<|im_end|>', 'a "word"'],
  })
})

test('what a reply does not tell is null, and what has another type is not told', () => {
  expect(readShow('nonsense')).toEqual({
    weightsSha256: undefined,
    weightsPath: undefined,
    parameters: { stop: [] },
    capabilities: [],
    header: null,
    architecture: null,
    parameterCount: null,
    quantization: null,
    trainContextTokens: null,
  })
  const show = readShow({
    details: { family: 'llama', quantization_level: 'unknown' },
    model_info: { 'general.architecture': 'llama', 'general.parameter_count': '1B', 'llama.context_length': 2_048 },
    capabilities: ['completion', 'audio', 3, 'thinking'],
  })
  expect(show).toMatchObject({
    architecture: 'llama',
    parameterCount: null,
    quantization: null,
    trainContextTokens: 2_048,
    capabilities: ['completion', 'thinking'],
  })
})

test('lists are read by entry: one without a name is none', () => {
  expect(readTags({ models: [{ size: 1 }, { model: 'x:latest', size: -1, modified_at: 'soon' }, null] })).toEqual([
    { name: 'x:latest', digest: 'x:latest', modifiedAtMs: 0, sizeBytes: null, isRemote: false },
  ])
  expect(readTags({})).toEqual([])
  expect(readResidents({ models: [{ name: 'x:latest', digest: 'd', size: 5, size_vram: 3 }] })).toEqual([
    { name: 'x:latest', digest: 'd', sizeBytes: 5, sizeVramBytes: 3, contextTokens: undefined },
  ])
})
