import { expect, test } from 'vitest'
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
