import { expect, test } from 'vitest'
import { type BelievedRunner, judgeRunner } from './judge-runner.ts'
import type { ResidentModel } from './ollama-replies.ts'

const BELIEVED: BelievedRunner = { contextTokens: 4_096, process: 'alive' }

function resident(contextTokens: number | undefined): ResidentModel {
  return { name: 'x:latest', digest: '', sizeBytes: 1, sizeVramBytes: 0, contextTokens }
}

test('as it was', () => {
  for (const process of ['alive', 'replaced', 'unseen'] as const) {
    expect(judgeRunner({ ...BELIEVED, process }, resident(4_096), 'own-runner').type).toBe('as-believed')
  }
  expect(judgeRunner(BELIEVED, resident(undefined), 'own-runner').type).toBe('as-believed')
})

test('what is not listed was taken, even when its process is gone as well', () => {
  for (const process of ['alive', 'gone', 'unseen'] as const) {
    expect(judgeRunner({ ...BELIEVED, process }, undefined, 'own-runner')).toMatchObject({ cause: 'taken' })
  }
})

test('what is listed without a process has crashed', () => {
  expect(judgeRunner({ ...BELIEVED, process: 'gone' }, resident(4_096), 'own-runner')).toMatchObject({
    type: 'lost',
    cause: 'crashed',
  })
})

test('a larger window is used as it is, a smaller one is no longer the model that was loaded', () => {
  expect(judgeRunner(BELIEVED, resident(8_192), 'own-runner')).toEqual({ type: 'adopted', contextTokens: 8_192 })
  expect(judgeRunner(BELIEVED, resident(2_048), 'own-runner')).toMatchObject({ cause: 'taken' })
  expect(judgeRunner(BELIEVED, resident(8_192), 'llama-server')).toMatchObject({ cause: 'taken' })
})
