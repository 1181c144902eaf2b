import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ROOMS } from './house/arrows.ts'
import { importsOf } from './house/imports.ts'
import { RULES } from './house/rules.ts'
import { type Finding, readTree } from './house/source-file.ts'

const ROOT = join(import.meta.dirname, '..')
const RED = 'test/fixtures/red'
const files = readTree(ROOT, [RED])

/** `path:line message`, in the order of the files. */
function write(findings: readonly Finding[]): string[] {
  return findings
    .toSorted((a, b) => (a.path === b.path ? a.line - b.line : a.path < b.path ? -1 : 1))
    .map(({ path, line, message }) => `${path}:${line} ${message}`)
}

describe.each(RULES)('$name: $promise', (rule) => {
  test('holds in this repository', () => {
    expect(write(rule.check(files))).toEqual([])
  })

  test('is shown red on planted violations, and only there', () => {
    const folder = join(ROOT, RED, rule.name)
    const expected = readFileSync(join(folder, 'findings.txt'), 'utf8').trim().split('\n')
    expect(write(rule.check(readTree(folder, ['findings.txt'])))).toEqual(expected)
  })
})

test('the rules see the files: a scanner that finds nothing would call everything clean', () => {
  const step = files.find(({ path }) => path === 'src/core/step.ts')
  const targets = step ? importsOf(step).map(({ target }) => target) : []
  expect(targets).toContain('src/core/world.ts')
  const rooms = new Set(files.map(({ path }) => /^src\/([^/]+)\//.exec(path)?.[1]).filter((room) => room !== undefined))
  expect([...rooms].filter((room) => !(room in ROOMS))).toEqual([])
  expect(rooms.size).toBeGreaterThanOrEqual(6)
  const imports = files.filter(({ path }) => path.startsWith('src/') && path.endsWith('.ts')).flatMap(importsOf)
  const relative = imports.filter(({ target }) => target !== undefined)
  const paths = new Set(files.map(({ path }) => path))
  expect(relative.filter(({ target }) => !paths.has(target ?? '')).map(({ specifier }) => specifier)).toEqual([])
  expect(relative.length).toBeGreaterThan(200)
})

test('every planted violation belongs to a rule', () => {
  const names = RULES.map(({ name }) => name)
  expect(readdirSync(join(ROOT, RED)).toSorted()).toEqual(names.toSorted())
})
