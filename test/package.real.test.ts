import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { placeSmollm2 } from './support/smollm2.ts'

/*
 * The guide's examples with the real model: in the checkout, and as a stranger has them, in an empty project with the
 * packed package.
 */

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('..', import.meta.url))
const DONE = 'every call of the guide did what it says'
let ground = ''
let home = ''

beforeAll(async () => {
  ground = await mkdtemp(join(tmpdir(), 'grym-package-'))
  home = join(ground, 'home')
  await placeSmollm2(join(home, 'models'))
})

afterAll(() => rm(ground, { recursive: true, force: true }))

async function outputOf(file: string, cwd: string): Promise<string[]> {
  const { stdout } = await run(process.execPath, [file, home], { cwd })
  return stdout.trimEnd().split('\n')
}

describe("the guide's examples", () => {
  test('run in the checkout', async () => {
    const lines = await outputOf(join(ROOT, 'examples/guide.ts'), ground)
    expect(lines.at(-1)).toBe(DONE)
    expect(lines).toContain('Model deepseek-r1:14b loaded')
  })

  test('run in an empty project, type-checked, with the packed package', { timeout: 600_000 }, async () => {
    const project = join(ground, 'project')
    await mkdir(project)
    await run('npm', ['pack', '--silent', '--pack-destination', ground], { cwd: ROOT })
    const { version, overrides } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
      version: string
      overrides: Record<string, string>
    }
    // What the checkout leaves out is left out here, too: engines for graphics cards, 600 MB.
    const absent = Object.keys(overrides).map((name) => [name, `file:${join(ROOT, 'tools/absent-engine')}`])
    const own = { name: 'empty', private: true, type: 'module', overrides: Object.fromEntries(absent) as object }
    await writeFile(join(project, 'package.json'), JSON.stringify(own))
    const install = ['install', '--no-audit', '--no-fund', join(ground, `grym-${version}.tgz`)]
    await run('npm', install, { cwd: project })

    const example = await readFile(join(ROOT, 'examples/guide.ts'), 'utf8')
    await writeFile(join(project, 'guide.ts'), example.replace("'../src/index.ts'", "'grym'"))
    expect((await outputOf('guide.ts', project)).at(-1)).toBe(DONE)

    const types = { target: 'esnext', module: 'nodenext', strict: true, noEmit: true, types: ['node'] }
    const compilerOptions = { ...types, typeRoots: [join(ROOT, 'node_modules/@types')] }
    await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['guide.ts'] }))
    await run(join(ROOT, 'node_modules/.bin/tsc'), ['-p', '.'], { cwd: project })
    const { stdout } = await run(join(project, 'node_modules/.bin/grym'), ['--version'], { cwd: project })
    expect(stdout.trim()).toBe(version)
  })
})
