import { describe, expect, onTestFinished, test } from 'vitest'
import { ScriptedUpstream, type Script, sendChat, sendJson } from '../../../test/support/scripted-upstream.ts'
import { serverGround, type ServerGroundOptions, serverModel } from '../../../test/support/server-ground.ts'
import { ask, never, read, rejects } from '../../testing/contract-check.ts'

describe('a server that others run', () => {
  async function remote(script: Script, plan: ServerGroundOptions['plan'] = {}) {
    const server = await ScriptedUpstream.start(script)
    onTestFinished(() => server[Symbol.asyncDispose]())
    const run = { kind: 'remote', url: `${server.url}/v1` } as const
    const made = await serverGround({ plan: { ...plan, run } })
    onTestFinished(() => made[Symbol.asyncDispose]())
    return { server, ...made }
  }

  const answering: Script = ({ path }, response) => {
    if (path === '/v1/models') return sendJson(response, 200, { data: [{ id: 'a', max_model_len: 4_096 }] })
    if (path === '/v1/chat/completions') return sendChat(response, ['Hi'])
    return sendJson(response, 404, { error: 'no' })
  }

  test('is asked, takes nothing of this machine, and has no process', async () => {
    const { provider, model, server } = await remote(answering, { key: 'k3y', model: 'gpt-x' })
    const loaded = await provider.load(model, never())
    expect(loaded).toMatchObject({
      footprint: { bytes: 0, source: 'configured' },
      contextTokens: 4_096,
      heldFileBytes: 0,
    })
    expect(loaded).not.toHaveProperty('pid')
    expect(await read(provider.generate(model.id, ask('x', 4), never()))).toMatchObject([
      { text: 'Hi' },
      { type: 'end' },
    ])
    expect(server.seen.at(-1)).toMatchObject({ body: { model: 'gpt-x' }, headers: { authorization: 'Bearer k3y' } })
    expect(await provider.measure(model.id)).toBeUndefined()
    expect(provider.log(model.id)).toBeUndefined()
    await provider.unload(model.id)
    await rejects('engine-lost', read(provider.generate(model.id, ask('x', 4), never())))
    await provider.load(model, never())
  })

  test('needs no list of models', async () => {
    const { provider, model } = await remote((_, response) => sendJson(response, 404, {}))
    expect((await provider.load(model, never())).contextTokens).toBe(512)
  })

  test('at an address without its version is told so when it is loaded', async () => {
    const { server, provider, model } = await remote(({ path }, response) =>
      sendJson(response, path === '/v1/v1/models' ? 200 : 404, {}),
    )
    const failure = await provider.load(model, never()).catch((error: unknown) => error)
    const message = expect.stringContaining('lacks /v1') as unknown
    expect(failure).toMatchObject({ reason: 'engine-unreachable', message })
    server.script = ({ path }, response) => sendJson(response, path === '/v1/v1/models' ? 401 : 404, {})
    await rejects('engine-unreachable', provider.load(model, never()))
  })

  test('that refuses the key says so at once', async () => {
    const { provider, model } = await remote((_, response) => sendJson(response, 401, {}))
    await expect(provider.load(model, never())).rejects.toMatchObject({ reason: 'engine-refused' })
  })

  test('that is not there cannot be loaded, and later its requests fail alone', async () => {
    const { provider, model, server } = await remote(answering)
    await provider.load(model, never())
    await server[Symbol.asyncDispose]()
    await rejects('engine-unreachable', read(provider.generate(model.id, ask('x', 4), never())))
    const other = { ...serverModel('b', 'b.gguf') }
    await expect(provider.load(other, never())).rejects.toMatchObject({ reason: 'engine-unreachable' })
  })
})
