import { expect, test } from 'vitest'
import { ModelNames } from './model-names.ts'

test('a model that nobody named is called by its id', () => {
  const names = new ModelNames()
  expect([names.of('tiny'), names.allOf('tiny')]).toEqual(['tiny', ['tiny']])
})

test('a model has all the names it was asked by, in the order of their last use', () => {
  const names = new ModelNames()
  names.note('deepseek', 'tiny')
  names.note('tiny', 'tiny')
  expect([names.of('tiny'), names.allOf('tiny')]).toEqual(['tiny', ['deepseek', 'tiny']])
  names.note('deepseek', 'tiny')
  expect([names.of('tiny'), names.allOf('tiny')]).toEqual(['deepseek', ['tiny', 'deepseek']])
  expect(names.of('other')).toBe('other')
})

test('a name that leads to another model now is no name of the first any more', () => {
  const names = new ModelNames()
  names.note('best', 'tiny')
  names.note('best', 'other')
  expect([names.of('tiny'), names.of('other')]).toEqual(['tiny', 'best'])
  expect([names.allOf('tiny'), names.allOf('other')]).toEqual([['tiny'], ['best']])
})

test.each([
  [999, 'name 1'],
  [1_000, 'name 1'],
  [1_001, 'model 1'],
  [1_002, 'model 1'],
])('of %i names the newest 1,000 are remembered', (count, first) => {
  const names = new ModelNames()
  for (let index = 1; index <= count; index++) names.note(`name ${index}`, `model ${index}`)
  expect([names.of('model 1'), names.of(`model ${count}`)]).toEqual([first, `name ${count}`])
})

test('of many names of one model the oldest are forgotten', () => {
  const names = new ModelNames()
  for (let index = 1; index <= 1_001; index++) names.note(`name ${index}`, 'tiny')
  expect(names.allOf('tiny')).toHaveLength(1_000)
  expect(names.allOf('tiny')[0]).toBe('name 2')
})

test('a name that is used again is not among the oldest', () => {
  const names = new ModelNames()
  names.note('kept', 'tiny')
  for (let index = 1; index <= 999; index++) names.note(`name ${index}`, `model ${index}`)
  names.note('kept', 'tiny')
  names.note('one more', 'other')
  expect([names.of('tiny'), names.of('model 1')]).toEqual(['kept', 'model 1'])
})
