import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { buildProgram } from '../src/cli/main.ts'
import { parseConfigFile } from '../src/config/config-file.ts'
import { resolveConfig } from '../src/config/config.ts'
import { resolveModelEntry } from '../src/config/model-entries.ts'
import { madePages } from '../tools/docs.ts'
import { RULES } from './house/rules.ts'

const ROOT = join(import.meta.dirname, '..')

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

describe('pages made from tables', () => {
  test.each(Object.entries(madePages()))('%s is what the code says (npm run docs)', (path, text) => {
    expect(read(path)).toBe(text)
  })
})

test('every example of a configuration is in order', () => {
  const examples = [...read('docs/configuration.md').matchAll(/```yaml\n(.*?)```/gs)].map(([, text]) => text ?? '')
  expect(examples.length).toBeGreaterThan(0)
  for (const text of examples) {
    const file = parseConfigFile({ path: '/grym.yaml', text, userHome: '/' })
    expect(file.problems).toEqual([])
    expect(file.values.size).toBeGreaterThan(5)
    const { entries } = resolveConfig({ env: {}, flags: {}, file })
    expect(resolveModelEntry('claude-3-5-haiku', entries)).toMatchObject({ name: 'coder', path: expect.any(String) })
  }
})

test('docs/api.md lists every endpoint, and none that is not there', () => {
  const sources = readdirSync(join(ROOT, 'src/gateway'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
    .map((path) => read(join('src/gateway', path)))
    .join('\n')
  const real = [...sources.matchAll(/\bapp\.(get|post|patch|delete)(?:<.*>)?\('([^']+)'/g)].map(
    ([, method = '', url = '']) => `${method.toUpperCase()} ${url.replace('*', '{id}')}`,
  )
  const rows = [...read('docs/api.md').matchAll(/`((?:GET|POST|HEAD|DELETE|PATCH) \/[^`]*)`/g)].map(
    ([, route]) => route,
  )
  expect(new Set(rows)).toEqual(new Set([...real, 'GET /', 'HEAD /']))
})

test('every verb shows an example in its help', () => {
  const missing = buildProgram(() => {}).commands.filter((command) => {
    let text = ''
    command.configureOutput({ writeOut: (part) => (text += part) })
    command.outputHelp()
    return !text.includes(`Example:\n  grym ${command.name()}`)
  })
  expect(missing.map((command) => command.name())).toEqual([])
})

test('CONTRIBUTING.md names every executed rule', () => {
  const rows = [...read('CONTRIBUTING.md').matchAll(/^\| ([a-z-]+) \| /gm)].map(([, name]) => name)
  expect(rows.filter((name) => name !== 'rule')).toEqual(RULES.map(({ name }) => name))
})

test('scripts that the documents name are in package.json', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  const texts = ['README.md', 'CONTRIBUTING.md', 'docs/BENCHMARKS.md', '.ci/run'].map(read).join('\n')
  const named = [...texts.matchAll(/npm run (?:-s )?([a-z:]+)/g)].map(([, name]) => name ?? '')
  expect(named.filter((name) => !(name in scripts))).toEqual([])
  expect(named.length).toBeGreaterThan(10)
})

test('links between documents lead somewhere', () => {
  const pages = ['README.md', 'CONTRIBUTING.md', ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`)]
  const dead = pages
    .filter((path) => path.endsWith('.md'))
    .flatMap((path) =>
      [...read(path).matchAll(/\]\((?!https?:|#)([^)#]+)/g)]
        .map(([, target]) => join(dirname(path), target ?? ''))
        .filter((target) => !existsSync(join(ROOT, target))),
    )
  expect(dead).toEqual([])
})

describe('the README', () => {
  test('its curl line asks what the first start offers', () => {
    const shown = /-d '(\{.*\})'/.exec(read('README.md'))?.[1] ?? ''
    expect(JSON.parse(shown)).toMatchObject({ temperature: 0, messages: [{ role: 'system' }, { role: 'user' }] })
    expect(read('src/cli/verbs/serve.ts').replaceAll(/' \+\n\s*'/g, '')).toContain(shown)
  })

  test('has the two commands that do everything', () => {
    expect(read('README.md')).toContain('npm install && npm start')
    expect(read('README.md')).toContain('npm install && npm test')
  })
})
