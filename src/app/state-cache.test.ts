import { mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { TemporaryFolder } from '../../test/support/system-ground.ts'
import { type Config, resolveConfig } from '../config/config.ts'
import type { NewState } from '../spec/state-cache.ts'
import { prepareFolders } from '../system/folders.ts'
import { openAppStates } from './state-cache.ts'

let folder: TemporaryFolder
const notices: string[] = []

beforeEach(async () => {
  folder = await TemporaryFolder.make()
  notices.length = 0
})

afterEach(() => folder[Symbol.asyncDispose]())

function configOf(env: Readonly<Record<string, string>> = {}): Config {
  return resolveConfig({ env: { GRYM_HOME: folder.path, GRYM_KVCACHE_MIN_TOKENS: '1', ...env }, flags: {} })
}

async function open(config: Config, there: readonly string[] = [], inForce: Config = config) {
  return openAppStates({
    ...{ config, folders: await prepareFolders(config.home), inForce: () => inForce },
    isThere: (id) => there.includes(id),
    onNotice: (text) => notices.push(text),
    onFault: (error) => {
      throw error
    },
  })
}

const STATE: NewState = {
  ...{ key: { weights: 'w' }, owner: { owner: 'local', conversationId: 'conv_1' }, modelId: 'a', expectedBytes: 3 },
  ...{ tokens: 3, unsavedTokens: 3, canBeCut: true, reason: 'unload' },
}

async function save(states: Awaited<ReturnType<typeof open>>, conversationId: string): Promise<void> {
  const draft = await states.keeper?.begin({ ...STATE, owner: { owner: 'local', conversationId } })
  if (!draft || 'refused' in draft) throw new Error(draft?.message ?? 'there is no cache')
  await writeFile(draft.path, conversationId)
  await draft.commit(Uint32Array.from(conversationId, (letter) => letter.charCodeAt(0)))
}

test('lies below the state folder or the configured one, and goes on after a restart', async () => {
  for (const env of [{}, { GRYM_KVCACHE_FOLDER: folder.at('fast') }] as const) {
    const config = configOf(env)
    const states = await open(config, ['conv_1'])
    await save(states, 'conv_1')
    await states.keeper?.close()
    const below = env.GRYM_KVCACHE_FOLDER ?? folder.path
    expect((await readdir(join(below, '.cache', 'models'))).filter((name) => name.endsWith('.cache'))).toHaveLength(1)
    const again = await open(config, ['conv_1'])
    expect((await again.archive.list()).entries).toMatchObject([{ modelId: 'a', conversationId: 'conv_1' }])
    await again.keeper?.close()
  }
  const key = await stat(folder.at('state/kvcache.key'))
  expect(key.mode & 0o777).toBe(0o600)
})

test('states of conversations that are gone go at the start', async () => {
  const config = configOf()
  const states = await open(config, ['conv_1', 'conv_2'])
  for (const id of ['conv_1', 'conv_2']) await save(states, id)
  await states.keeper?.close()
  const again = await open(config, ['conv_2'])
  expect((await again.archive.list()).entries).toMatchObject([{ conversationId: 'conv_2' }])
  await again.keeper?.close()
})

test('what has expired, and what is over caps that were lowered, goes at the start', async () => {
  for (const env of [{ GRYM_KVCACHE_MAX_BYTES: '100' }, { GRYM_KVCACHE_TTL: '1ms' }] as const) {
    const states = await open(configOf(), ['conv_1'])
    await save(states, 'conv_1')
    await states.keeper?.close()
    await new Promise((resolve) => setTimeout(resolve, 2))
    const again = await open(configOf(env), ['conv_1'])
    expect(again.keeper?.report()).toMatchObject({ entries: 0, bytes: 0 })
    expect((await readdir(folder.at('.cache/models'))).filter((name) => name.endsWith('.cache'))).toEqual([])
    await again.keeper?.close()
  }
})

test('where no conversations are kept, no states are, and none when that changes', async () => {
  for (const env of [{ GRYM_KEEP_CONVERSATIONS: 'no' }, { GRYM_KVCACHE: 'no' }]) {
    const states = await open(configOf(), [], configOf(env))
    expect(states.keeper?.report().isEnabled).toBe(false)
    await expect(save(states, 'conv_1')).rejects.toThrow(/off/)
    await states.keeper?.close()
  }
})

describe('one that cannot be opened is told, and is no failed start', () => {
  test('a folder of somebody else', async () => {
    const foreign = folder.at('foreign/.cache/models')
    await mkdir(foreign, { recursive: true })
    await writeFile(join(foreign, 'thesis.txt'), 'mine')
    const states = await open(configOf({ GRYM_KVCACHE_FOLDER: folder.at('foreign') }))
    expect(states.keeper).toBeUndefined()
    expect(notices).toEqual([expect.stringMatching(/^No KV state is kept on disk: .*foreign.*from their text\.$/)])
    for (const call of ['list', 'prune', 'verify', 'clear'] as const) {
      await expect(states.archive[call]()).rejects.toMatchObject({ reason: 'cache-operation-failed' })
    }
    expect(await readdir(foreign)).toEqual(['thesis.txt'])
  })

  test('a file where the folder should be', async () => {
    await writeFile(folder.at('.cache'), 'a file')
    expect((await open(configOf())).keeper).toBeUndefined()
    expect(notices).toHaveLength(1)
  })

  test('another process that uses it', async () => {
    const first = await open(configOf())
    expect((await open(configOf())).keeper).toBeUndefined()
    expect(notices).toEqual([expect.stringContaining('Another process')])
    await first.keeper?.close()
  })
})
