import { expect, test } from 'vitest'
import { graphBytes } from './graph-memory.ts'

/* Nodes as llama.cpp v0.4.0 tells them (`sched_reserve: max_nodes`). */
test.each([
  ['llama', 75, 128, 1_024],
  ['llama', 273, 128, 2_184],
  ['mamba', 163, 512, 1_304],
  ['qwen35', 109, 32, 3_488],
  ['qwen35', 109, 128, 5_120],
  ['qwen35', 109, 512, 20_480],
])('%s of %i tensors with a batch of %i has room for %i nodes', (architecture, tensorCount, batchTokens, nodes) => {
  expect(graphBytes({ architecture, tensorCount }, batchTokens)).toBe(nodes * 1_700)
})
