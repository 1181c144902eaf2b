import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ModelEntries } from '../spec/model-entry.ts'
import { matchesPattern, problemsOfEntries, resolveModelEntry } from './model-entries.ts'
import { modelEntries } from './model-entry-schema.ts'

function entriesOf(written: unknown): ModelEntries {
  return modelEntries.parse(written)
}

function lead(name: string, written: unknown): string {
  return resolveModelEntry(name, entriesOf(written)).name
}

describe('a name leads', () => {
  test.each<[string, string, unknown, string]>([
    ['nowhere else without an entry', 'a', {}, 'a'],
    ['to itself by an entry without a source', 'a', { a: { context: 512 } }, 'a'],
    ['to the source of its entry', 'a', { a: 'b' }, 'b'],
    ['on from there', 'a', { a: 'b', b: { source: 'c' } }, 'c'],
    ['to the entry that has it as an alias', 'gpt', { a: { aliases: 'gpt' } }, 'a'],
    ['from an alias to the source', 'gpt', { a: { aliases: ['x', 'gpt'], source: 'b' } }, 'b'],
    ['by its own entry before an alias', 'gpt', { a: { aliases: ['gpt'] }, gpt: 'b' }, 'b'],
    ['by an alias before a pattern', 'gpt-4', { 'gpt-*': 'b', a: { aliases: ['gpt-4'] } }, 'a'],
    ['by a pattern', 'claude-3', { 'claude-*': 'b' }, 'b'],
    ['by a pattern among the aliases', 'claude-3', { b: { aliases: ['claude-*'] } }, 'b'],
    ['by the pattern with the most letters', 'claude-3-opus', { '*': 'x', 'claude-3*': 'y', 'claude-*': 'z' }, 'y'],
    ['by the first of equal patterns', 'ab', { 'a*': 'first', '*b': 'second' }, 'first'],
    ['past a catch-all that it did not ask for', 'a', { a: 'b', '*': 'c' }, 'b'],
    ['through a catch-all when nobody knows it', 'z', { a: 'b', '*': 'c' }, 'c'],
    ['to itself by a pattern without a source', 'qwen-1', { 'qwen-*': { context: 512 } }, 'qwen-1'],
    ['to what its own pattern matches too', 'smol', { 'smol*': 'smollm2' }, 'smollm2'],
    ['nowhere by a name that objects inherit', 'toString', { a: 'b' }, 'toString'],
  ])('%s', (_title, name, written, expected) => {
    expect(lead(name, written)).toBe(expected)
  })

  test('to a file or a place to pull from, under the entry’s name', () => {
    const entries = entriesOf({ mine: { source: './m.gguf', aliases: ['my*'] }, other: 'hf:o/r:Q4_K_M', x: 'mine' })
    expect(resolveModelEntry('my-own', entries)).toMatchObject({ name: 'mine', path: './m.gguf' })
    expect(resolveModelEntry('x', entries)).toMatchObject({ name: 'mine', path: './m.gguf', followed: ['x', 'mine'] })
    expect(resolveModelEntry('other', entries)).toMatchObject({ name: 'other', download: 'hf:o/r:Q4_K_M' })
  })
})

test('settings of the outer entry win, sampling options one by one', () => {
  const entries = entriesOf({
    coder: { source: 'base', context: 1_024, sampling: { temperature: 0.1 }, pin: true },
    base: { source: 'qwen', context: 2_048, parallel: 2, sampling: { temperature: 1, topK: 5 } },
    qwen: { keepAlive: '1h', parallel: 4 },
  })
  expect(resolveModelEntry('coder', entries)).toEqual({
    name: 'qwen',
    followed: ['coder', 'base', 'qwen'],
    settings: {
      contextTokens: 1_024,
      parallel: 2,
      pinned: true,
      sampling: { temperature: 0.1, topK: 5 },
      idleTimeoutMs: 3_600_000,
    },
  })
})

test('a pattern without a source gives its settings to a model that an entry leads to', () => {
  const entries = entriesOf({ gpt: 'qwen-7b', 'qwen-*': { context: 4_096, aliases: ['q*'] } })
  expect(resolveModelEntry('gpt', entries)).toMatchObject({ name: 'qwen-7b', settings: { contextTokens: 4_096 } })
})

describe('entries are refused', () => {
  const chain = (length: number): unknown =>
    Object.fromEntries(Array.from({ length }, (_, index) => [`m${index}`, `m${index + 1}`]))

  test('when they lead to themselves, and the chain is shown', () => {
    const why = (written: unknown): string[] => problemsOfEntries(entriesOf(written)).map((problem) => problem.why)
    expect(why({ a: 'a' })).toEqual(['it leads to no model: a → a'])
    expect(why({ a: 'b', b: 'a' })[0]).toBe('it leads to no model: a → b → a')
    expect(why({ a: 'x', b: { source: 'a', aliases: ['x'] } })[0]).toBe('it leads to no model: a → b → a')
    expect(why({ 'g*': 'a', a: 'b', b: 'a' })[0]).toBe('it leads to no model: g* → a → b → a')
  })

  test('when more than 8 follow each other', () => {
    expect(problemsOfEntries(entriesOf(chain(7)))).toEqual([])
    expect(problemsOfEntries(entriesOf(chain(8)))).toEqual([])
    expect(problemsOfEntries(entriesOf(chain(9)))).toHaveLength(1)
    expect(lead('m0', chain(8))).toBe('m8')
    expect(() => lead('m0', chain(9))).toThrow(/m0 → m1 .* → m8/)
  })

  test('when a name has two meanings', () => {
    expect(problemsOfEntries(entriesOf({ a: { aliases: ['b'] }, b: 'c' }))).toEqual([
      { key: 'a', why: "'b' is 'b' already" },
    ])
    expect(problemsOfEntries(entriesOf({ a: { aliases: ['x'] }, b: { aliases: ['x', 'y'] } }))).toEqual([
      { key: 'b', why: "'x' is 'a' already" },
    ])
    expect(problemsOfEntries(entriesOf({ a: { aliases: ['a', 'x', 'x'] } }))).toEqual([])
  })

  test('when a pattern is to be a file', () => {
    expect(problemsOfEntries(entriesOf({ 'a*': './x.gguf' }))[0]?.why).toContain('a pattern leads to a model’s name')
  })
})

describe('whatever the entries are', () => {
  const word = fc.stringMatching(/^[ab*]{1,3}$/)
  const plainWord = fc.stringMatching(/^[ab]{1,3}$/)
  const entry = fc.record(
    { source: plainWord, aliases: fc.array(word, { maxLength: 2 }), context: fc.integer({ min: 256, max: 9_999 }) },
    { requiredKeys: [] },
  )
  const written = fc.dictionary(word, entry, { maxKeys: 6 })

  test('those that pass the check lead every name to an end', () => {
    fc.assert(
      fc.property(written, plainWord, (given, name) => {
        const entries = entriesOf(given)
        if (problemsOfEntries(entries).length > 0) return
        const { followed, name: end } = resolveModelEntry(name, entries)
        expect(followed.length).toBeLessThanOrEqual(8)
        expect(new Set(followed).size).toBe(followed.length)
        // Asked by its own name the model is the same one, unless a pattern's source catches the name from outside.
        const patternCatches = Object.entries(entries).some(([key, { source, aliases }]) =>
          [key, ...aliases].some((pattern) => pattern.includes('*') && (source || pattern !== key)),
        )
        if (!patternCatches) expect(resolveModelEntry(end, entries).name).toBe(end)
      }),
      { numRuns: 2_000 },
    )
  })

  test('the outermost entry’s own settings hold', () => {
    fc.assert(
      fc.property(written, plainWord, (given, name) => {
        const entries = entriesOf(given)
        if (problemsOfEntries(entries).length > 0) return
        const { followed, settings } = resolveModelEntry(name, entries)
        const first = followed.map((key) => entries[key]?.settings.contextTokens).find((tokens) => tokens !== undefined)
        expect(settings.contextTokens).toBe(first)
      }),
    )
  })
})

test('a pattern matches as the regular expression would that it stands for', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[ab*]{0,6}$/), fc.stringMatching(/^[ab]{0,8}$/), (pattern, name) => {
      const expression = new RegExp(`^${pattern.replaceAll('*', '.*')}$`)
      expect(matchesPattern(pattern, name)).toBe(expression.test(name))
    }),
    { numRuns: 2_000 },
  )
})

test('letters of a regular expression are letters', () => {
  expect(matchesPattern('a.c*', 'abc1')).toBe(false)
  expect(matchesPattern('a.c*', 'a.c1')).toBe(true)
  expect(matchesPattern('(a+)+*$', `${'a'.repeat(50)}!`)).toBe(false)
})
