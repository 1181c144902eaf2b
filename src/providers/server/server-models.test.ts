import { describe, expect, test } from 'vitest'
import { serverModel } from '../../../test/support/server-ground.ts'
import { TemporaryFolder } from '../../../test/support/system-ground.ts'
import type { CommandServerSettings, ServerEntries } from '../../spec/server-settings.ts'
import { filledIn } from './server-plan.ts'
import { ServerModels } from './server-models.ts'
import { settingsPlan } from './settings-plan.ts'

const COMMAND: CommandServerSettings = {
  kind: 'command',
  command: ['run', '${port}'],
  port: 0,
  env: {},
  healthPath: '/health',
  startDeadlineMs: 1_000,
  engine: 'auto',
}

describe('models of configured servers', () => {
  test('are what is said of them, and nothing is made up', async () => {
    const models = new ServerModels({ far: { kind: 'remote', url: 'http://h.test/v1', engine: 'auto' } }, 7)
    expect(await models.list()).toEqual([
      {
        id: 'server:far',
        engineKey: 'server:far',
        engineName: 'far',
        platform: 'server',
        modifiedAtMs: 7,
        sizeBytes: null,
        weights: {},
        capabilities: ['completion', 'tools'],
        architecture: null,
        parameterCount: null,
        quantization: null,
        trainContextTokens: null,
        chatTemplate: null,
        header: null,
        fixedContextTokens: null,
        fixedParallel: null,
        footprintBytes: null,
        isElsewhere: true,
        settings: {},
      },
    ])
    expect(models.fault).toBeUndefined()
  })

  test('are known further by the command line of a llama-server', async () => {
    await using folder = await TemporaryFolder.make({ 'm.gguf': 'GGUF' })
    const command = ['llama-server', '-m', 'm.gguf', '-c', '4096', '-np', '2', '--port', '${port}']
    const entries = { qwen: { ...COMMAND, command, cwd: folder.path, memoryBytes: 9, model: 'Q' } }
    expect(await new ServerModels(entries, 0).find('qwen')).toMatchObject({
      engineName: 'Q',
      sizeBytes: 4,
      weights: { path: folder.at('m.gguf') },
      fixedContextTokens: 2_048,
      fixedParallel: 2,
      footprintBytes: 9,
      isElsewhere: false,
    })
  })

  test('are first what a person says', async () => {
    const command = ['llama-server', '-c', '4096', '-np', '2', '--embeddings', '${port}']
    const said = { ...COMMAND, command, contextTokens: 100, parallel: 5, capabilities: ['completion'] as const }
    const models = new ServerModels({ a: said, b: { ...COMMAND, command } }, 0)
    expect(await models.find('a')).toMatchObject({
      fixedContextTokens: 100,
      fixedParallel: 5,
      capabilities: ['completion'],
    })
    expect(await models.find('b')).toMatchObject({ capabilities: ['embedding'] })
  })

  test('are found by their own names only', async () => {
    const models = new ServerModels({ a: COMMAND }, 0)
    expect((await models.find('a'))?.id).toBe('server:a')
    for (const name of ['b', 'toString', 'server:a', '']) expect(await models.find(name)).toBeUndefined()
  })
})

describe('how a configured server is run', () => {
  const plan = (entries: ServerEntries, name: string, keys = {}) =>
    settingsPlan({ entries, keys, environment: { PATH: '/bin', A: 'ours' } }, serverModel(name, 'x'))

  test('is its settings, in grym’s environment and its own', async () => {
    const settings = { ...COMMAND, env: { A: 'own', P: '${port}' }, stuckAfterMs: 5, stop: ['end', '${pid}'] }
    expect(await plan({ a: settings }, 'a', { a: 'k' })).toEqual({
      title: "server 'a'",
      model: 'a',
      engine: 'auto',
      key: 'k',
      stuckAfterMs: 5,
      run: {
        kind: 'command',
        command: ['run', '${port}'],
        port: 0,
        environment: { PATH: '/bin', A: 'own', P: '${port}' },
        healthPath: '/health',
        stop: ['end', '${pid}'],
        startDeadlineMs: 1_000,
      },
    })
  })

  test('has its key from a file: the first line', async () => {
    await using folder = await TemporaryFolder.make({ key: ' s3cret \nmore' })
    const url = { kind: 'remote', url: 'http://h.test/v1', engine: 'other' } as const
    const key = { kind: 'file', path: folder.at('key') } as const
    expect(await plan({ a: { ...url, key } }, 'a')).toMatchObject({
      key: 's3cret',
      run: { kind: 'remote', url: url.url },
    })
    const gone = { ...key, path: folder.at('gone') }
    await expect(plan({ a: { ...url, key: gone } }, 'a')).rejects.toMatchObject({ reason: 'server-start-failed' })
  })

  test('is unknown when it is configured no more', async () => {
    await expect(plan({}, 'a')).rejects.toMatchObject({ reason: 'model-not-found' })
    await expect(plan({}, 'toString')).rejects.toMatchObject({ reason: 'model-not-found' })
  })

  test('only names that are known are filled in', () => {
    expect(filledIn('--port ${port} ${HOME} $port ${port}', { port: 7 })).toBe('--port 7 ${HOME} $port 7')
  })
})
