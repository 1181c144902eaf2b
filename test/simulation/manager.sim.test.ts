import { expect, test } from 'vitest'
import { CoreDriver } from './core-driver.ts'
import { ManagerDriver } from './manager-driver.ts'
import { makeScenario } from './scenario.ts'
import { seeds } from './seeds.ts'

/** The real manager is slower to drive than the core alone; the issue asks for this many. */
const MANAGER_SEEDS = 200

test('the manager does what the simulated core decided: the journals agree', { timeout: 240_000 }, async () => {
  for (const seed of seeds().slice(0, MANAGER_SEEDS)) {
    const expected = new CoreDriver(makeScenario(seed, { restarts: false })).run()
    const driver = new ManagerDriver(makeScenario(seed, { restarts: false }))
    expect(await driver.run(), `seed ${seed}`).toEqual(expected)
    const asked = makeScenario(seed, { restarts: false }).acts.flatMap((act) =>
      'requestId' in act ? [act.requestId] : [],
    )
    for (const requestId of asked) expect(driver.outcomes.has(requestId), `seed ${seed}: ${requestId}`).toBe(true)
  }
})
