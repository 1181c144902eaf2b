import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PROVIDER_CONTRACT } from '../../src/testing/provider-contract.ts'
import { type EmbeddedGround, isAlive } from './embedded-ground.ts'
import { KeptStatesGround } from './kept-states-ground.ts'

/**
 * The contract as tests. Most of what a check takes is the start of an engine: those that may share a subject have one
 * together, each of the others has its own.
 *
 * @param make a provider that keeps its states there.
 */
export function testEmbeddedContract(
  model: string,
  contextTokens: number,
  make: (keptStates: KeptStatesGround) => EmbeddedGround,
): void {
  const end = async (ground: EmbeddedGround, keptStates: KeptStatesGround): Promise<void> => {
    await ground.provider.dispose()
    await keptStates[Symbol.asyncDispose]()
    expect([...ground.running].filter(isAlive)).toEqual([])
  }

  for (const { promise, run } of PROVIDER_CONTRACT.filter(({ mayShare }) => !mayShare)) {
    test(promise, async () => {
      const keptStates = await KeptStatesGround.make()
      const ground = make(keptStates)
      try {
        await run(ground.subject(model, contextTokens))
      } finally {
        await end(ground, keptStates)
      }
    })
  }

  describe('on one engine', () => {
    let keptStates: KeptStatesGround
    let ground: EmbeddedGround

    beforeAll(async () => {
      keptStates = await KeptStatesGround.make()
      ground = make(keptStates)
    })

    afterAll(() => end(ground, keptStates))

    for (const { promise, run } of PROVIDER_CONTRACT.filter(({ mayShare }) => mayShare)) {
      test(promise, () => run(ground.subject(model, contextTokens)))
    }
  })
}
