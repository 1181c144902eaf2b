import { describe, expect, test } from 'vitest'
import { TemporaryFolder } from '../../../test/support/system-ground.ts'
import { VerbGround } from '../../../test/support/verb-ground.ts'
import { foldersOf } from '../../app/compose.ts'
import { openStateCache } from '../../app/open-state.ts'
import { resolveConfig } from '../../config/config.ts'
import { cacheEntry } from '../../testing/scripted-state-cache.ts'
import { cacheClearVerb, cacheListVerb, cachePruneVerb, cacheShowVerb, cacheVerifyVerb } from './cache.ts'

describe('with a daemon', () => {
  test('a table of what is saved, and how full it is', async () => {
    await using ground = await VerbGround.start()
    ground.server.states.entries.push(cacheEntry({ conversationId: 'conv\u001b[2J_1' }))
    await cacheListVerb(ground.context, {})
    expect(ground.stdout).toBe(
      'ID       LAST USED             MODEL  TOKENS  SIZE    RESTORED  PRIORITY  CONVERSATION\n' +
        'state_1  2023-11-14 22:13:20Z  tiny   6,000   5.0 MB  1         normal    conv[2J_1\n' +
        '1 of at most 10,000 states, 5.0 MB of at most 4.3 GB\n',
    )
  })

  test('of one model only; none is said', async () => {
    await using ground = await VerbGround.start()
    ground.server.states.entries.push(cacheEntry())
    await cacheListVerb(ground.context, { model: 'other' })
    expect(ground.stdout).toMatch(/^no state is saved\n/)
    expect(ground.server.asked).toEqual(['GET /grym/v1/cache?model=other'])
  })

  test('as JSON, whole', async () => {
    await using ground = await VerbGround.start({ isJson: true })
    ground.server.states.entries.push(cacheEntry())
    await cacheListVerb(ground.context, {})
    expect(JSON.parse(ground.stdout)).toEqual({ report: ground.server.states.report(), entries: [cacheEntry()] })
  })

  test('the cache as a whole: what it has saved so far', async () => {
    await using ground = await VerbGround.start()
    await cacheShowVerb(ground.context, undefined)
    expect(ground.stdout).toContain('restored: 5,999 tokens in 2 answers, about 101 s saved')
    expect(ground.stdout).toContain('budget 8.6 GB')
    ground.server.states.isEnabled = false
    await cacheShowVerb(ground.context, undefined)
    expect(ground.stdout).toContain('switched off')
  })

  test('one state, or that there is none of this name', async () => {
    await using ground = await VerbGround.start()
    ground.server.states.entries.push(cacheEntry(), cacheEntry({ entryId: 'state_2', expiresAtMs: null }))
    await cacheShowVerb(ground.context, 'state_1')
    expect(ground.stdout).toContain('6,000 tokens, 5.0 MB, restored 1 time, priority normal')
    await cacheShowVerb(ground.context, 'state_2')
    expect(ground.stdout).toContain('kept without end')
    const refused = { reason: 'invalid-request', message: expect.stringContaining('grym cache list') }
    await expect(cacheShowVerb(ground.context, 'nothing')).rejects.toMatchObject(refused)
  })

  test('pruned', async () => {
    await using ground = await VerbGround.start()
    await cachePruneVerb(ground.context)
    expect(ground.stdout).toBe('1 state is removed, 5.0 MB freed\n')
  })

  test('verified; what cannot be used is named with its reason, and the exit code says so', async () => {
    await using ground = await VerbGround.start()
    ground.server.states.entries.push(cacheEntry(), cacheEntry({ entryId: 'state_2' }))
    await cacheVerifyVerb(ground.context)
    expect(ground.stdout).toBe('2 states are whole\n')
    ground.server.states.corrupt = [{ path: '/h/x.cache', reason: 'cut\u001b[2J' }]
    await expect(cacheVerifyVerb(ground.context)).rejects.toMatchObject({ reason: 'cache-operation-failed' })
    expect(ground.stdout).toContain('not usable: /h/x.cache: cut[2J\n')
  })

  test('cleared only when somebody said so, or of one model', async () => {
    await using ground = await VerbGround.start()
    ground.server.states.entries.push(cacheEntry(), cacheEntry({ entryId: 'state_2' }))
    const refused = { reason: 'invalid-request', message: expect.stringContaining('--yes') }
    await expect(cacheClearVerb(ground.context, {})).rejects.toMatchObject(refused)
    expect(ground.server.asked).toEqual([])
    await cacheClearVerb(ground.context, { yes: true })
    expect(ground.stdout).toBe('2 states are deleted, 10.0 MB freed\n')
    await cacheClearVerb(ground.context, { model: 'tiny' })
    expect(ground.stdout).toContain('0 states are deleted')
  })
})

test('without a daemon the files themselves are looked at', async () => {
  await using ground = await VerbGround.start({ isJson: true })
  await using folder = await TemporaryFolder.make()
  const config = resolveConfig({ env: { GRYM_HOME: folder.path }, flags: {} })
  const context = { ...ground.context, config, runningClient: async () => undefined }
  const cache = await openStateCache(config, await foldersOf(config))
  await cache.cacheModel({ modelId: 'tiny', saved: [], metadata: {} })
  // While another process has them they are its own.
  await expect(cacheListVerb(context, {})).rejects.toMatchObject({ reason: 'cache-operation-failed' })
  await cache.close()
  await cacheListVerb(context, { model: 'tiny' })
  expect(JSON.parse(ground.stdout)).toMatchObject({ entries: [{ modelId: 'tiny', tokens: 0 }] })
  ground.stdout = ''
  await cacheVerifyVerb(context)
  expect(JSON.parse(ground.stdout)).toEqual({ verified: 1, corrupt: [] })
  ground.stdout = ''
  await cacheClearVerb(context, { yes: true })
  expect(JSON.parse(ground.stdout)).toMatchObject({ removed: 1 })
  ground.stdout = ''
  await cacheListVerb(context, {})
  expect(JSON.parse(ground.stdout)).toMatchObject({ entries: [] })
  expect(ground.server.asked).toEqual([])
})
