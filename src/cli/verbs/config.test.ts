import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { main } from '../main.ts'

let folder = ''
let path = ''

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'grym-config-verb-'))
  path = join(folder, 'grym.yaml')
  vi.stubEnv('GRYM_HOME', folder)
  vi.stubEnv('GRYM_CONFIG', '')
})
afterEach(async () => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
  await rm(folder, { recursive: true })
})

interface Said {
  readonly exitCode: number
  readonly out: string
  readonly notices: string
}

async function grym(...args: string[]): Promise<Said> {
  const written = { out: '', notices: '' }
  const into = (stream: keyof typeof written) => (text: string | Uint8Array) => {
    written[stream] += String(text)
    return true
  }
  // A configuration that lies in the checkout is none of this test's business.
  vi.spyOn(process, 'cwd').mockReturnValue(join(folder, 'working-folder'))
  vi.spyOn(process.stdout, 'write').mockImplementation(into('out'))
  vi.spyOn(process.stderr, 'write').mockImplementation(into('notices'))
  const exitCode = await main(args)
  vi.restoreAllMocks()
  return { exitCode, ...written }
}

describe('config show', () => {
  test('names every value, and who set it when asked', async () => {
    await writeFile(path, 'limits:\n  maxModelsLoaded: 5\n  inactivityTimeout: -1\n')
    vi.stubEnv('GRYM_WHEN_FULL', 'reject')
    const { out, exitCode } = await grym('config', 'show', '--origin', '--context', '512')
    expect(exitCode).toBe(0)
    expect(out).toMatch(/^KEY +VALUE +ORIGIN +FROM$/m)
    expect(out).toMatch(/^limits\.maxModelsLoaded +5 +file +grym\.yaml:2$/m)
    expect(out).toMatch(/^limits\.inactivityTimeout +forever +file +grym\.yaml:3$/m)
    expect(out).toMatch(/^limits\.whenFull +reject +environment +GRYM_WHEN_FULL$/m)
    expect(out).toMatch(/^models\.contextTokens +512 +flag +--context$/m)
    expect(out).toMatch(/^log\.level +info +default$/m)
    expect(out).toContain(`read: ${path}`)
    expect((await grym('config', 'show')).out).not.toContain('ORIGIN')
  })

  test('keeps secrets, and writes JSON', async () => {
    vi.stubEnv('HF_TOKEN', 'hunter2')
    await writeFile(path, 'limits: { inactivityTimeout: -1 }')
    const { out } = await grym('config', 'show', '--json', '--origin')
    expect(out).not.toContain('hunter2')
    const { file, options } = JSON.parse(out) as { file: string; options: { key: string }[] }
    expect(file).toBe(path)
    expect(options).toContainEqual({
      key: 'pull.hfToken',
      value: '(set, not shown)',
      origin: 'environment',
      source: 'HF_TOKEN',
    })
    expect(options).toContainEqual({
      key: 'limits.inactivityTimeout',
      value: -1,
      origin: 'file',
      source: 'grym.yaml:1',
    })
  })

  test('tells of Ollama’s variables that it cannot use, once', async () => {
    vi.stubEnv('OLLAMA_KV_CACHE_TYPE', 'q3_0')
    const { notices, exitCode } = await grym('config', 'show')
    expect(notices).toMatch(/^Not used: OLLAMA_KV_CACHE_TYPE \(models\.kvType\): 'q3_0' is not allowed: .*\n$/)
    expect(exitCode).toBe(0)
  })
})

describe('config check', () => {
  test('of a file in order', async () => {
    await writeFile(path, 'debug: false')
    expect(await grym('config', 'check')).toEqual({ exitCode: 0, out: `${path} is in order.\n`, notices: '' })
  })

  test('of none says where it looked', async () => {
    const { out, exitCode } = await grym('config', 'check')
    expect(out).toContain(`There is no configuration file: `)
    expect(out).toContain(path)
    expect(exitCode).toBe(0)
  })

  test('names all that is wrong, also between values, and fails', async () => {
    await writeFile(path, 'limits: { maxModelsLoaded: 0 }\nzzz: 1')
    const { out, notices, exitCode } = await grym('config', 'check')
    expect(out.trim().split('\n')).toHaveLength(2)
    expect(notices).toBe(`grym: ${path}: 2 problems; see above.\n`)
    expect(exitCode).toBe(1)
    await writeFile(path, 'memoryPressure: { warning: 1 }')
    expect((await grym('config', 'check', '--json')).out).toMatch(
      /"problems":\["grym\.yaml:1 \(memoryPressure\.warning/,
    )
  })

  test('looks at another file although the one in force is broken', async () => {
    await writeFile(path, 'zzz: 1')
    await mkdir(join(folder, 'other'))
    await writeFile(join(folder, 'other', 'x.yaml'), '')
    expect((await grym('config', 'check', join(folder, 'other', 'x.yaml'))).exitCode).toBe(0)
    expect((await grym('config', 'check', join(folder, 'absent.yaml'))).exitCode).toBe(1)
    expect((await grym('config', 'show')).exitCode).toBe(1)
  })

  test('says which files are not there yet, and does not fail for it', async () => {
    await writeFile(path, 'models: { entries: { a: ./m.gguf } }')
    const { out, exitCode } = await grym('config', 'check')
    expect(out).toBe(`grym.yaml:1 (models.entries): nothing is there yet: ${join(folder, 'm.gguf')}\n`)
    expect(exitCode).toBe(0)
  })
})
