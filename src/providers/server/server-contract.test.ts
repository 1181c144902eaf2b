import { describe, expect, onTestFinished, test } from 'vitest'
import { keptServerGround } from '../../../test/support/slot-ground.ts'
import type { ContractCheck, ProviderAbility } from '../../testing/contract-check.ts'
import { PROVIDER_CONTRACT } from '../../testing/provider-contract.ts'

/** What a llama-server that is started by a command cannot do. */
const LACKS: ReadonlyMap<ProviderAbility, string> = new Map([
  ['counting', 'it counts only while it runs; then it does, see server-provider.test.ts'],
  ['embeddings', 'one that embeds answers nothing, see server-provider.test.ts'],
])

function isWithin({ needs = [] }: ContractCheck): boolean {
  return !needs.some((ability) => LACKS.has(ability))
}

describe('the contract of every provider, on fake llama-servers in processes of their own', () => {
  for (const { promise, run } of PROVIDER_CONTRACT.filter(isWithin)) {
    test(promise, async () => {
      // Slow enough for two answers to be seen at once.
      const ground = await keptServerGround({ args: ['--fake-token-delay', '5'] })
      onTestFinished(() => ground[Symbol.asyncDispose]())
      await run(ground)
    })
  }

  test('what it is not judged by needs an ability that it lacks, and every lack is needed', () => {
    const needed = new Set(PROVIDER_CONTRACT.filter((check) => !isWithin(check)).flatMap(({ needs = [] }) => needs))
    for (const ability of LACKS.keys()) expect(needed).toContain(ability)
  })
})
