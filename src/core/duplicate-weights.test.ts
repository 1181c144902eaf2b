import { describe, expect, test } from 'vitest'
import { CoreUnderTest, model } from '../../test/support/core-world.ts'
import type { WeightsIdentity } from '../spec/model.ts'
import { duplicateWeights } from './duplicate-weights.ts'

const MB = 1_000_000

function duplicates(
  models: Readonly<Record<string, readonly [engineKey: string, weights?: WeightsIdentity]>>,
): unknown {
  const core = new CoreUnderTest()
  for (const [id, [engineKey, weights]] of Object.entries(models)) {
    core.use(model(id, { engineKey, ...(weights && { weights }) }))
  }
  return duplicateWeights(core.world)
}

test.each<[string, WeightsIdentity, WeightsIdentity]>([
  ['one digest', { sha256: 'd' }, { sha256: 'd' }],
  ['one file', { path: '/m' }, { path: '/m', sha256: 'd' }],
])('%s in two engines is there twice', (_, one, other) => {
  expect(duplicates({ a: ['a', one], b: ['b', other] })).toEqual([{ models: ['a', 'b'], wastedBytes: 80 * MB }])
})

test('two names in one engine share their weights; a third engine holds them again', () => {
  const weights = { sha256: 'd' }
  expect(duplicates({ a: ['a', weights], twin: ['a', weights] })).toEqual([])
  expect(duplicates({ a: ['a', weights], twin: ['a', weights], b: ['b', weights] })).toEqual([
    { models: ['a', 'twin', 'b'], wastedBytes: 80 * MB },
  ])
})

describe('engines that map the same file', () => {
  const path = '/m'

  /** Engines by name, each with where its weights lie and how much of that it maps. */
  function wasted(
    engines: Readonly<Record<string, readonly [weights: WeightsIdentity, mappedBytes: number]>>,
  ): number[] {
    const core = new CoreUnderTest()
    for (const [id, [weights, mappedBytes]] of Object.entries(engines)) {
      core.use(model(id, { weights }))
      const record = core.world.models.get(id)
      if (record) record.heldFileBytes = mappedBytes
    }
    return duplicateWeights(core.world).map(({ wastedBytes }) => wastedBytes)
  }

  test('share its pages, the header aside', () => {
    expect(wasted({ a: [{ path }, 81 * MB], b: [{ path }, 81 * MB] })).toEqual([0])
  })

  test('share what both of them map; what lies on a GPU is there once more', () => {
    expect(wasted({ a: [{ path }, 80 * MB], b: [{ path }, 30 * MB] })).toEqual([50 * MB])
    expect(wasted({ a: [{ path }, 30 * MB], b: [{ path }, 30 * MB] })).toEqual([50 * MB])
  })

  test('share nothing with one that holds the same weights by another file, or in memory of its own', () => {
    const sha256 = 'd'
    expect(wasted({ a: [{ path, sha256 }, 80 * MB], b: [{ path: '/copy', sha256 }, 80 * MB] })).toEqual([80 * MB])
    const [a, b, c] = [{ path, sha256 }, { path, sha256 }, { sha256 }]
    expect(wasted({ a: [a, 80 * MB], b: [b, 80 * MB], c: [c, 0] })).toEqual([80 * MB])
  })
})

test('nothing is said of weights that are not known, or are others, or have left', () => {
  expect(
    duplicates({ a: ['a'], b: ['b', {}], c: ['c', { sha256: 'd' }], e: ['e', { sha256: 'f', path: '/m' }] }),
  ).toEqual([])
  const core = new CoreUnderTest()
  core.use(model('a', { weights: { sha256: 'd' } }))
  core.use(model('b', { weights: { sha256: 'd' } }))
  core.lost('a')
  expect(duplicateWeights(core.world)).toEqual([])
})
