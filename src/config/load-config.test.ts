import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadConfig, placesOf } from './load-config.ts'

let root = ''
let work = ''
let home = ''

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'grym-load-'))
  work = join(root, 'work')
  home = join(root, 'home')
  for (const folder of [work, home]) await mkdir(folder)
})
afterEach(() => rm(root, { recursive: true }))

function input(env: Record<string, string> = {}, flags: Record<string, string> = {}): Parameters<typeof loadConfig>[0] {
  return { env: { HOME: root, GRYM_HOME: home, ...env }, flags, workingFolder: work }
}

async function write(folder: string, models: number, name = 'grym.yaml'): Promise<void> {
  await writeFile(join(folder, name), `limits: { maxModelsLoaded: ${models} }`)
}

describe('the file that counts', () => {
  test('is none where none is', async () => {
    expect(loadConfig(input()).configFile).toBeUndefined()
  })

  test('is that of the state folder, before it that of the working folder, before it the named one', async () => {
    const loaded = async (env = {}, flags = {}): Promise<number> =>
      loadConfig(input(env, flags)).settings.limits.maxModelsLoaded
    await write(home, 4)
    expect(await loaded()).toBe(4)
    await write(work, 5)
    expect(await loaded()).toBe(5)
    await write(root, 6, 'other.yaml')
    expect(await loaded({ GRYM_CONFIG: join(root, 'other.yaml') })).toBe(6)
    expect(await loaded({ GRYM_CONFIG: '../other.yaml' })).toBe(6)
    expect(await loaded({ GRYM_CONFIG: '~/other.yaml' })).toBe(6)
    expect(await loaded({ GRYM_CONFIG: '' })).toBe(5)
    await write(root, 7, 'flag.yaml')
    expect(await loaded({ GRYM_CONFIG: '../other.yaml' }, { '--config': '../flag.yaml' })).toBe(7)
  })

  test('counts alone: nothing is taken from another', async () => {
    await writeFile(join(work, 'grym.yaml'), 'debug: true')
    await writeFile(join(home, 'grym.yaml'), 'garbage: [')
    const config = loadConfig(input())
    expect(config).toMatchObject({ debug: true, configFile: join(work, 'grym.yaml') })
  })

  test('must be there when it is named', async () => {
    await write(work, 5)
    expect(() => loadConfig(input({ GRYM_CONFIG: 'no.yaml' }))).toThrow(
      `GRYM_CONFIG (config): there is no file ${join(work, 'no.yaml')}.`,
    )
    expect(() => loadConfig(input({}, { '--config': 'no.yaml' }))).toThrow(
      expect.objectContaining({ reason: 'config-invalid' }),
    )
  })

  test('is an error, not passed over, when it is a folder', async () => {
    await mkdir(join(work, 'grym.yaml'))
    await write(home, 4)
    expect(() => loadConfig(input())).toThrow(/it is a folder/)
  })
})

describe('places', () => {
  test('follow --home, GRYM_HOME and the platform', () => {
    expect(placesOf(input({}, { '--home': 'x' }))).toEqual([join(work, 'grym.yaml'), join(work, 'x', 'grym.yaml')])
    expect(placesOf(input())).toEqual([join(work, 'grym.yaml'), join(home, 'grym.yaml')])
    expect(placesOf(input({ GRYM_HOME: work }))).toEqual([join(work, 'grym.yaml')])
  })
})
