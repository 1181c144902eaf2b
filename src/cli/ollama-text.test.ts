import { expect, test } from 'vitest'
import { ollamaText } from './ollama-text.ts'

const usable = [{ name: 'a:1b' }, { name: 'b:1b' }]
const bad = { name: 'c:cloud', why: 'it runs in the cloud', wayOut: 'Run it through Ollama itself.' }

test('no store is fine', () => {
  expect(ollamaText({ models: [], unusable: [] })).toEqual({ isWhole: true, note: 'no models of Ollama’s here' })
})

test('what is served is counted, what is not is named with its reason', () => {
  expect(ollamaText({ folder: '/o', models: usable, unusable: [bad] })).toEqual({
    isWhole: true,
    note: '2 of 3 models in /o can be used; c:cloud is not served: it runs in the cloud. Run it through Ollama itself.',
  })
})

test('of six only five are named', () => {
  const { note } = ollamaText({ folder: '/o', models: [], unusable: Array.from({ length: 6 }, () => bad) })
  expect(note.match(/c:cloud/g)).toHaveLength(5)
  expect(note).toMatch(/; and 1 more$/)
})

test('a folder that cannot be read is a warning with the way out', () => {
  const { isWhole, note } = ollamaText({ folder: '/o', fault: '/o cannot be read (EACCES)', models: [], unusable: [] })
  expect(isWhole).toBe(false)
  expect(note).toBe(
    '0 of 0 models in /o can be used; /o cannot be read (EACCES). Let this user read it, or leave it out with models.ollama: false',
  )
})
