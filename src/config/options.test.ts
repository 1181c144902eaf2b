import { describe, expect, test } from 'vitest'
import { ERROR_TABLE } from '../spec/error-table.ts'
import { DEFAULT_SETTINGS } from '../spec/settings.ts'
import { OPTIONS } from './options.ts'

describe.each(OPTIONS.map((option) => [option.key, option] as const))('%s', (key, option) => {
  test('has a default that it would accept itself', () => {
    expect(option.schema.safeParse(option.defaultValue)).toMatchObject({ success: true, data: option.defaultValue })
  })

  test('can be set from outside, by names of their customary form', () => {
    // What is in no file must have a name outside, and what must be given outside has one.
    if (option.scope === 'outside') expect(option.env ?? option.flag).toBeDefined()
    expect(option.env ?? 'NONE').toMatch(/^[A-Z]+(_[A-Z]+)*$/)
    expect(option.flag ?? '--none').toMatch(/^--[a-z]+(-[a-z]+)*$/)
    expect(key).toMatch(/^[a-z][A-Za-z]*(\.[a-z][A-Za-z]*){0,2}$/)
  })

  test('says what it is in whole sentences', () => {
    expect(option.help).toMatch(/^[A-Z].*\.$/)
  })
})

test('no two options share a key, a variable or a flag', () => {
  const names = OPTIONS.flatMap(({ key, env, flag }) => [key, env, flag]).filter((name) => name !== undefined)
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
})

test('what can carry a password is secret', () => {
  expect(OPTIONS.filter(({ isSecret }) => isSecret).map(({ env }) => env)).toEqual([
    'GRYM_API_KEY',
    'LM_API_TOKEN',
    'HF_TOKEN',
    'PIP_INDEX_URL',
  ])
})

test('defaults that the settings know are theirs, not a second number', () => {
  const defaultOf = (wanted: string): unknown => OPTIONS.find(({ key }) => key === wanted)?.defaultValue
  const { limits, sampling } = DEFAULT_SETTINGS
  expect(defaultOf('limits.maxModelsLoaded')).toBe(limits.maxModelsLoaded)
  expect(defaultOf('limits.memoryThreshold')).toBe(limits.memoryThreshold)
  expect(defaultOf('limits.inactivityTimeout')).toBe(limits.inactivityTimeoutMs)
  expect(defaultOf('limits.loadTimeout')).toBe(limits.loadTimeoutMs)
  expect(defaultOf('limits.maxQueuedRequests')).toBe(limits.maxQueuedRequests)
  expect(defaultOf('limits.whenFull')).toBe(limits.whenFull)
  expect(defaultOf('monitoring.sampleIntervalMs')).toBe(sampling.intervalMs)
  expect(defaultOf('monitoring.intervalMs')).toBe(sampling.publishIntervalMs)
})

test('an option that the error table sends people to is one', () => {
  const known = new Set(OPTIONS.flatMap(({ key, env, flag }) => [key, env, flag, '--port']))
  const named = Object.values(ERROR_TABLE).flatMap(({ meaning, nextStep }) =>
    [...`${meaning} ${nextStep}`.matchAll(/`((?:limits|http|models)\.\w+|GRYM_\w+|--[\w-]+)`/g)].map(
      ([, name]) => name,
    ),
  )
  expect(named.length).toBeGreaterThan(5)
  expect(named.filter((name) => !known.has(name))).toEqual([])
})
