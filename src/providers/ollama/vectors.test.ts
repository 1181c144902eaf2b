import { expect, test } from 'vitest'
import { readEmbeddings } from './vectors.ts'

test('vectors of length 1 are passed on, others are made so', () => {
  expect(
    readEmbeddings(
      {
        embeddings: [
          [0.6, 0.8],
          [3, 4],
        ],
        prompt_eval_count: 5,
      },
      2,
    ),
  ).toEqual({
    vectors: [
      [0.6, 0.8],
      [0.6, 0.8],
    ],
    promptTokens: 5,
  })
})

test('too few vectors and vectors that are none are refused', () => {
  for (const embeddings of [[[1]], [[1], [0]], [[1], ['1']], [[1], []], 'x']) {
    expect(() => readEmbeddings({ embeddings }, 2)).toThrow(expect.objectContaining({ reason: 'engine-error' }))
  }
})
