import { stat } from 'node:fs/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type ServerGround, serverGround } from '../../../test/support/server-ground.ts'
import type { ProviderAbility } from '../../testing/contract-check.ts'
import { PROVIDER_CONTRACT } from '../../testing/provider-contract.ts'

/** What a server that is started by a command cannot do, each with its reason. */
const LACKS: ReadonlyMap<ProviderAbility, string> = new Map([
  ['counting', 'a server counts only while it runs; then it does, see server-provider.test.ts'],
  ['embeddings', 'llama-server either answers or embeds, see server-provider.test.ts'],
])

describe('the provider contract, on the fake llama-server', () => {
  for (const { promise, needs = [], run } of PROVIDER_CONTRACT) {
    const lacking = needs.filter((ability) => LACKS.has(ability))
    if (lacking.length > 0) {
      test(`not kept: ${promise}`, () => {
        expect(lacking.map((ability) => LACKS.get(ability))).not.toContain(undefined)
      })
      continue
    }
    test(promise, async () => {
      const ground: ServerGround = await serverGround()
      onTestFinished(() => ground[Symbol.asyncDispose]())
      await run(ground)
      expect((await stat(ground.folder)).isDirectory()).toBe(true)
    })
  }
})
