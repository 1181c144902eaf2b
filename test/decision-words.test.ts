import { expect, test } from 'vitest'
import { describeDecision } from '../src/spec/decision-words.ts'
import { CoreDriver } from './simulation/core-driver.ts'
import { makeScenario } from './simulation/scenario.ts'

test('there are words for everything that the core decides on', () => {
  const poor = new Set<string>()
  for (let seed = 1; seed <= 100; seed++) {
    for (const entry of new CoreDriver(makeScenario(seed)).run()) {
      const words = describeDecision(entry).replace(` (${entry.requestId})`, '')
      const isPoor = /undefined|NaN|\?|not recorded/.test(words) || / \((?!lower priority)/.test(words)
      if (isPoor) poor.add(`${entry.decision}: ${words}`)
    }
  }
  expect([...poor]).toEqual([])
})
