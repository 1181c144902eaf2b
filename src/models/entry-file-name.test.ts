import fc from 'fast-check'
import { expect, test } from 'vitest'
import { entryFileName } from './entry-file-name.ts'

test('a plain name is the name of its file', () => {
  expect(entryFileName('Qwen2.5-0.5B_q4')).toBe('Qwen2.5-0.5B_q4.gguf')
})

test.each(['qwen2.5:14b', 'a/b', '..', '.hidden', 'ä', ''])('%j gets a safe one of its own', (name) => {
  expect(entryFileName(name)).toMatch(/^[A-Za-z0-9_-]?[A-Za-z0-9._-]*-[0-9a-f]{8}\.gguf$/)
})

test('no name leads out of its folder, and no two names to one file', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (a, b) => {
      expect(entryFileName(a)).toMatch(/^(?!\.)[A-Za-z0-9._-]+$/)
      if (a !== b) expect(entryFileName(a)).not.toBe(entryFileName(b))
    }),
  )
})
