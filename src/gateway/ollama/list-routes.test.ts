import { expect, test } from 'vitest'
import type { ModelStatus } from '../../spec/status.ts'
import { ServedManager } from '../../../test/support/served-manager.ts'

async function get(served: ServedManager, path: string): Promise<Record<string, unknown>> {
  return (await (await fetch(served.url + path)).json()) as Record<string, unknown>
}

const status = (id: string, more: Partial<ModelStatus>): ModelStatus => ({
  ...{ id, state: 'ready', platform: 'local', footprintBytes: 500, footprintSource: 'measured', contextTokens: 2_048 },
  ...{ usedContextTokens: 0, buffers: { contextBytes: 0, weightsBytes: 0, workingBytes: 0 }, gpu: null, loadMs: null },
  ...{ activeRequests: 0, pinned: false, lastUsedAtMs: null, expiresAtMs: null, pid: null },
  ...more,
})

test('the version is that of the API, grym’s stands beside it', async () => {
  await using served = await ServedManager.start()
  expect(await get(served, '/api/version')).toEqual({ version: '0.17.4', grym: '1.2.3' })
})

test.each(['/api/version', '/api/tags', '/'])('HEAD %s', async (path) => {
  await using served = await ServedManager.start()
  const response = await fetch(served.url + path, { method: 'HEAD' })
  expect([response.status, await response.text()]).toEqual([200, ''])
})

test('every model by the name that can be asked for', async () => {
  await using served = await ServedManager.start()
  const { models } = (await get(served, '/api/tags')) as { models: Record<string, unknown>[] }
  expect(models.map(({ name }) => name)).toEqual(['a', 'more/b'])
  expect(models[0]).toEqual({
    ...{ name: 'a', model: 'a', size: 99, modified_at: '1970-01-01T00:00:01.500Z', capabilities: ['completion'] },
    digest: expect.stringMatching(/^[0-9a-f]{64}$/),
    details: {
      ...{ parent_model: '', format: 'gguf', family: 'llama', families: ['llama'] },
      ...{ parameter_size: '134.5M', quantization_level: 'Q4_1' },
    },
  })
  expect(models[0]?.['digest']).not.toBe(models[1]?.['digest'])
})

test('a model that cannot be looked at is listed all the same', async () => {
  await using served = await ServedManager.start()
  const listed = await served.manager.models()
  served.manager.models = async () => listed.map((model) => ({ ...model, id: 'unknown' }))
  const { models } = (await get(served, '/api/tags')) as { models: Record<string, unknown>[] }
  expect(models[0]).toMatchObject({ name: 'unknown', details: { family: '', families: [], parameter_size: '' } })
})

test('what is in memory, the longest stay first', async () => {
  await using served = await ServedManager.start()
  const soonMs = Date.now() + 60_000
  const gpu = { backend: 'cuda', layers: 2, ofLayers: 2, source: 'measured' } as const
  const shares = [0, 1].map((number) => ({ gpu: number, bytes: 100 }))
  const now = served.manager.status()
  served.manager.status = () => ({
    ...now,
    models: [
      status('a', { expiresAtMs: soonMs, gpu: { ...gpu, shares } }),
      status('gone', { state: 'unloading', expiresAtMs: soonMs }),
      status('more/b', {}),
      status('c', { state: 'unloaded' }),
      status('d', { state: 'loading' }),
    ],
  })
  const { models } = (await get(served, '/api/ps')) as { models: Record<string, unknown>[] }
  expect(models.map(({ name }) => name)).toEqual(['more/b', 'a', 'gone'])
  const [b, a, gone] = models
  expect(new Date(String(b?.['expires_at'])).getUTCFullYear()).toBeGreaterThan(2_200)
  expect(a).toMatchObject({
    model: 'a',
    size: 500,
    size_vram: 200,
    context_length: 2_048,
    details: { family: 'llama' },
  })
  expect(a).toMatchObject({
    expires_at: new Date(soonMs).toISOString(),
    digest: expect.stringMatching(/^[0-9a-f]{64}$/),
  })
  expect(Date.parse(String(gone?.['expires_at']))).toBeLessThan(Date.now())
})

test.each([
  ['POST', '/api/tags', 'GET'],
  ['GET', '/api/chat?x=1', 'POST'],
  ['POST', '/api/delete', 'DELETE'],
])('%s %s is the wrong method', async (method, path, allowed) => {
  await using served = await ServedManager.start()
  const response = await fetch(served.url + path, { method })
  expect([response.status, response.headers.get('allow')]).toEqual([405, allowed])
  expect(await response.json()).toMatchObject({ reason: 'method-not-allowed', error: expect.stringContaining(allowed) })
})

test('a path that is not there is none', async () => {
  await using served = await ServedManager.start()
  expect((await fetch(`${served.url}/api/nothing`)).status).toBe(404)
})
