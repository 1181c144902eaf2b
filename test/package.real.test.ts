import { execFile } from 'node:child_process'
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
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
/** Most that an installation may take on a machine without a graphics card. */
const MOST_INSTALLED_BYTES = 150_000_000
/** A program that uses what `src/testing` exports. */
const FAKE_USER = `
import type { Provider } from 'grym/spec/provider.js'
import { FakeOllama } from 'grym/testing/fake-ollama.js'
import { PROVIDER_CONTRACT } from 'grym/testing/provider-contract.js'

const none: Provider | undefined = undefined
if (PROVIDER_CONTRACT.length === 0) throw new Error(String(none))
const fake = await FakeOllama.start()
process.stdout.write(await (await fetch(fake.url)).text())
await fake.stop()
`
/** Where nobody listens. */
const NO_NETWORK = { HTTP_PROXY: 'http://127.0.0.1:9', HTTPS_PROXY: 'http://127.0.0.1:9', NO_PROXY: '127.0.0.1' }
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
    const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string }
    await writeFile(join(project, 'package.json'), JSON.stringify({ name: 'empty', private: true, type: 'module' }))
    const install = ['install', '--no-audit', '--no-fund', join(ground, `grym-${version}.tgz`)]
    await run('npm', install, { cwd: project })

    const installed = join(project, 'node_modules')
    const installedBytes = await diskBytes(installed)
    process.stdout.write(`the package and all it needs take ${Math.round(installedBytes / 1e6)} MB\n`)
    expect(installedBytes).toBeLessThanOrEqual(MOST_INSTALLED_BYTES)
    // It would bring engines for graphics cards, 600 MB; they are installed apart by whoever has a card.
    expect(await readdir(installed)).not.toContain('node-llama-cpp')

    const notices = join(installed, 'grym/dist/providers/embedded/worker/THIRD-PARTY-NOTICES.txt')
    expect(await readFile(notices, 'utf8')).toMatch(/^== node-llama-cpp 3\.21\.1 \(MIT\)$/m)

    const example = await readFile(join(ROOT, 'examples/guide.ts'), 'utf8')
    await writeFile(join(project, 'guide.ts'), example.replace("'../src/index.ts'", "'grym'"))
    expect((await outputOf('guide.ts', project)).at(-1)).toBe(DONE)

    const types = { target: 'esnext', module: 'nodenext', strict: true, noEmit: true, types: ['node'] }
    const compilerOptions = { ...types, typeRoots: [join(ROOT, 'node_modules/@types')] }
    // What people who write providers need.
    await writeFile(join(project, 'fake.ts'), FAKE_USER)
    expect(await outputOf('fake.ts', project)).toEqual(['Ollama is running'])
    await writeFile(
      join(project, 'tsconfig.json'),
      JSON.stringify({ compilerOptions, include: ['guide.ts', 'fake.ts'] }),
    )
    await run(join(ROOT, 'node_modules/.bin/tsc'), ['-p', '.'], { cwd: project })
    const grym = join(installed, '.bin/grym')
    const env = { ...process.env, ...NO_NETWORK, GRYM_HOME: home }
    expect((await run(grym, ['--version'], { cwd: project, env })).stdout.trim()).toBe(version)

    const [command = '', ...before] = await withoutNetwork()
    const asked = [...before, grym, 'run', 'What is the capital of France?']
    const answer = await run(command, asked, { cwd: project, env })
    expect(answer.stdout).toContain('Paris')
    const doctor = await run(grym, ['doctor'], { cwd: project, env })
    expect(doctor.stdout).toMatch(/ok +engine: cpu, bundled \(@node-llama-cpp\//)
  })
})

/** A program in front of another one that takes the network away from it, where the system has one that we may use. */
async function withoutNetwork(): Promise<string[]> {
  const command = ['unshare', '--map-root-user', '--net']
  const isUsable = await run('unshare', [...command.slice(1), 'true']).then(
    () => true,
    () => false,
  )
  return isUsable ? command : ['env']
}

/** What files take on the disk. */
async function diskBytes(folder: string): Promise<number> {
  let sumBytes = 0
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const { blocks, size } = await lstat(join(entry.parentPath, entry.name))
    sumBytes += process.platform === 'win32' ? size : blocks * 512
  }
  return sumBytes
}
