import { afterEach, describe, expect, test } from 'vitest'
import { FakeOllamaGround, type GroundModels } from '../../../test/support/ollama-provider-ground.ts'
import type { ProviderAbility } from '../../testing/contract-check.ts'
import { PROVIDER_CONTRACT } from '../../testing/provider-contract.ts'

/*
 * The contract of every provider, on the fake Ollama of both designs, with its processes in sight and without.
 */

const MODELS: GroundModels = { model: 'llama3.2:1b', sibling: 'twin:latest', other: 'smollm2:135m' }

/** What no Ollama can do over HTTP. */
const LACKS: ReadonlyMap<ProviderAbility, string> = new Map([
  ['prefix-reuse', 'it never tells how much of a prompt was cached'],
  ['counting', 'it has no route that counts tokens'],
  ['tools', 'it has no tool_choice, so a call cannot be required (those that the model makes are tested below)'],
  ['stall', 'a prompt that takes long and a process that stands still look the same from outside'],
])
/** And what cannot be known where its processes are out of sight. */
const UNSEEN_LACKS: ReadonlyMap<ProviderAbility, string> = new Map([
  ...LACKS,
  ['crash', 'Ollama loads a model anew without a word when it died unused'],
  ['shared-weights', 'without a pid there is nothing to compare'],
])

let started: FakeOllamaGround | undefined

afterEach(async () => {
  await started?.[Symbol.asyncDispose]()
  started = undefined
})

for (const version of ['0.17.4', '0.33.0']) {
  for (const [where, isSeen, lacks] of [
    ['on this machine', true, LACKS],
    ['elsewhere', false, UNSEEN_LACKS],
  ] as const) {
    describe(`the contract of every provider, on a fake Ollama ${version} ${where}`, () => {
      const isWithin = ({ needs = [] }: (typeof PROVIDER_CONTRACT)[number]): boolean =>
        !needs.some((ability) => lacks.has(ability))
      for (const { promise, run } of PROVIDER_CONTRACT.filter(isWithin)) {
        test(promise, async () => {
          started = await FakeOllamaGround.start({ version }, { isSeen })
          const { fake, ground } = started
          const crash = async ({ id }: { readonly id: string }): Promise<void> => void fake.crashRunner(id)
          await run(await ground.subject(MODELS, 512, crash))
        })
      }

      test('what it is not judged by needs an ability that it lacks, and every lack is needed', () => {
        const beyond = PROVIDER_CONTRACT.filter((check) => !isWithin(check))
        const needed = new Set(beyond.flatMap(({ needs = [] }) => needs))
        for (const ability of lacks.keys()) expect(needed).toContain(ability)
      })
    })
  }
}
