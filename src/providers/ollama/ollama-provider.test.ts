import { describe, expect, onTestFinished, test } from 'vitest'
import {
  FakeOllamaGround,
  type GroundModels,
  keptContract,
  OLLAMA_LACKS,
} from '../../../test/support/ollama-provider-ground.ts'
import type { ProviderAbility } from '../../testing/contract-check.ts'

/*
 * The contract of every provider, on the fake Ollama of both designs, with its processes in sight and without.
 */

const MODELS: GroundModels = { model: 'llama3.2:1b', sibling: 'twin:latest', other: 'smollm2:135m' }

/** What cannot be known where its processes are out of sight. */
const UNSEEN_LACKS: ReadonlyMap<ProviderAbility, string> = new Map([
  ...OLLAMA_LACKS,
  ['crash', 'Ollama loads a model again without a word when it died unused'],
  ['shared-weights', 'without a pid there is nothing to compare'],
])

for (const version of ['0.17.4', '0.33.0']) {
  for (const [where, isSeen, lacks] of [
    ['on this machine', true, OLLAMA_LACKS],
    ['elsewhere', false, UNSEEN_LACKS],
  ] as const) {
    describe(`the contract of every provider, on a fake Ollama ${version} ${where}`, () => {
      const { kept, notKept } = keptContract(lacks)
      test.each(notKept)('not kept: %s (%s)', (_, reasons) => expect(reasons).not.toEqual([]))
      for (const { promise, run } of kept) {
        test(promise, async () => {
          const started = await FakeOllamaGround.start({ version }, { isSeen })
          onTestFinished(() => started[Symbol.asyncDispose]())
          const { fake, ground } = started
          const crash = async ({ id }: { readonly id: string }): Promise<void> => void fake.crashRunner(id)
          await run(await ground.subject(MODELS, 512, crash))
        })
      }
    })
  }
}
