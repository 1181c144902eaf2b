import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { buildProgram } from '../src/cli/main.ts'
import { parseConfigFile } from '../src/config/config-file.ts'
import { resolveConfig } from '../src/config/config.ts'
import { resolveModelEntry } from '../src/config/model-entries.ts'
import { madePages } from '../tools/docs.ts'
import { RULES } from './house/rules.ts'
import { TemporaryFolder } from './support/system-ground.ts'

const ROOT = join(import.meta.dirname, '..')

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

describe('pages made from tables', () => {
  test.each(Object.entries(madePages()))('%s is what the code says (npm run docs)', (path, text) => {
    expect(read(path)).toBe(text)
  })
})

test('docs/api.md lists every endpoint, and none that is not there', () => {
  const sources = readdirSync(join(ROOT, 'src/gateway'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
    .map((path) => read(join('src/gateway', path)))
    .join('\n')
  const real = [...sources.matchAll(/\bapp\.(get|post|patch|delete)(?:<.*>)?\('([^']+)'/g)].map(
    ([, method = '', url = '']) => `${method.toUpperCase()} ${url.replace(/\*|:id\b/, '{id}')}`,
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

/** Code of a page, by the language that stands at its fence. */
function codeOf(path: string, language: string): string[] {
  return [...read(path).matchAll(/^```(\w+)\n([\s\S]*?)^```/gm)]
    .filter(([, written]) => written === language)
    .map(([, , code]) => code ?? '')
}

test('examples of the library compile', { timeout: 60_000 }, async () => {
  const examples = ['README.md', 'docs/library.md'].flatMap((path) => codeOf(path, 'ts'))
  expect(examples.length).toBeGreaterThanOrEqual(2)
  await using folder = await TemporaryFolder.make(
    Object.fromEntries(examples.map((code, index) => [`example-${index}.mts`, code])),
  )
  const extended = { extends: join(ROOT, 'tsconfig.json'), include: ['*.mts'] }
  const compilerOptions = {
    paths: { grym: [join(ROOT, 'src/index.ts')] },
    typeRoots: [join(ROOT, 'node_modules/@types')],
  }
  await folder.write('tsconfig.json', JSON.stringify({ ...extended, compilerOptions }))
  const compiler = join(ROOT, 'node_modules/.bin/tsc')
  const { status, stdout } = spawnSync(compiler, ['-p', folder.path], { encoding: 'utf8' })
  expect([status, stdout]).toEqual([0, ''])
})

test('examples of grym.yaml are accepted', () => {
  const examples = ['README.md', 'docs/configuration.md'].flatMap((path) => codeOf(path, 'yaml'))
  expect(examples.length).toBeGreaterThanOrEqual(2)
  const files = examples.map((text) => parseConfigFile({ path: '/grym.yaml', text, userHome: '/home/you' }))
  expect(files.flatMap(({ problems }) => problems)).toEqual([])
  const [shown, whole] = files.map((file) => resolveConfig({ env: {}, flags: {}, file }).entries)
  expect(resolveModelEntry('gpt-4o', shown ?? {})).toMatchObject({
    name: 'smollm2',
    settings: { system: 'You are brief.' },
  })
  expect(resolveModelEntry('claude-3-5-haiku', whole ?? {})).toMatchObject({ name: 'coder', path: expect.any(String) })
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
