import { describe, expect, onTestFinished, test } from 'vitest'
import { LmStudioGround } from '../../../test/support/lm-studio-ground.ts'
import type { ContractCheck, ProviderAbility } from '../../testing/contract-check.ts'
import { PROVIDER_CONTRACT } from '../../testing/provider-contract.ts'

/** What LM Studio cannot do, each with its reason. */
const LACKS: ReadonlyMap<ProviderAbility, string> = new Map([
  ['prefix-reuse', 'it does not tell how much of a prompt it had already'],
  ['counting', 'it counts over its WebSockets only, which grym does not speak'],
  ['logprobs', 'its chats carry none'],
  ['embeddings', 'a model of it either chats or embeds, see lm-studio-provider.test.ts'],
  ['stall', 'its engine is no process of ours that could be stopped'],
  ['states', 'it has no call that takes a KV state to a file or back'],
])

function isWithin({ needs = [] }: ContractCheck): boolean {
  return !needs.some((ability) => LACKS.has(ability))
}

describe('the provider contract, on the fake LM Studio', () => {
  for (const { promise, run } of PROVIDER_CONTRACT.filter(isWithin)) {
    test(promise, async () => {
      const ground = await LmStudioGround.start()
      onTestFinished(() => ground[Symbol.asyncDispose]())
      await run(ground.subject(512))
      // Whatever was asked for: nothing was loaded twice, by itself, or instead of something else.
      expect(ground.fake.counters).toMatchObject({ duplicates: 0, jitLoads: 0, substitutions: 0 })
    })
  }

  test('what it is not judged by needs an ability that it lacks, and every lack is needed', () => {
    const beyond = PROVIDER_CONTRACT.filter((check) => !isWithin(check))
    const needed = new Set(beyond.flatMap(({ needs = [] }) => needs))
    for (const ability of LACKS.keys()) expect(needed).toContain(ability)
  })
})
