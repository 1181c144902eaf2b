import { describe, expect, onTestFinished, test } from 'vitest'
import { LmStudioGround, studioModel } from '../../../test/support/lm-studio-ground.ts'
import { ScriptedUpstream, type Script, sendJson } from '../../../test/support/scripted-upstream.ts'
import { timedList } from '../../../test/support/timed-list.ts'
import { never } from '../../testing/contract-check.ts'
import type { FakeLmStudioOptions } from '../../testing/fake-lm-studio.ts'
import { VirtualClock } from '../../testing/virtual-clock.ts'
import { LmStudioModels } from './lm-studio-models.ts'
import { LmStudioServer } from './server.ts'

async function ground(fake: FakeLmStudioOptions = {}): Promise<LmStudioGround & { readonly clock: VirtualClock }> {
  const clock = new VirtualClock(0)
  const started = await LmStudioGround.start(fake, { clock })
  onTestFinished(() => started[Symbol.asyncDispose]())
  return Object.assign(started, { clock })
}

describe('a model that LM Studio has', () => {
  test('is offered as it tells of it', async () => {
    const { models } = await ground()
    expect(await models.find('Granite-4-Micro')).toEqual({
      id: 'lmstudio:ibm/granite-4-micro',
      engineName: 'ibm/granite-4-micro',
      platform: 'lmstudio',
      engineKey: 'lmstudio:ibm/granite-4-micro',
      modifiedAtMs: 0,
      sizeBytes: 2_279_145_003,
      weights: {},
      capabilities: ['completion', 'tools'],
      architecture: 'granite',
      parameterCount: 3e9,
      quantization: 'Q4_K_M',
      trainContextTokens: 131_072,
      chatTemplate: null,
      header: null,
      fixedContextTokens: null,
      fixedParallel: null,
      footprintBytes: null,
      isElsewhere: false,
      settings: {},
    })
    expect(await models.find('nobody')).toBeUndefined()
    expect((await models.list()).map(({ id, capabilities }) => [id, ...capabilities])).toEqual([
      ['lmstudio:mistral-7b', 'completion', 'tools'],
      ['lmstudio:ibm/granite-4-micro', 'completion', 'tools'],
      ['lmstudio:qwen2.5-vl-3b', 'completion', 'vision'],
      ['lmstudio:text-embedding-nomic-embed-text-v1.5', 'embedding'],
    ])
  })

  test('has the window that a person loaded it with, and no fixed one that grym loaded', async () => {
    const { clock, fake, models, provider } = await ground()
    await fake.manualLoad('mistral-7b', 1_234)
    await provider.load(studioModel('ibm/granite-4-micro'), never())
    await clock.advanceTo(clock.nowMs() + 2_000)
    expect(await models.find('mistral-7b')).toMatchObject({ fixedContextTokens: 1_234, fixedParallel: 4 })
    expect(await models.find('granite-4-micro')).toMatchObject({ fixedContextTokens: null, fixedParallel: 4 })
  })
})

test('the list is asked for once in two seconds', async () => {
  const { clock, fake, models } = await ground()
  await Promise.all([models.find('mistral-7b'), models.find('nobody'), models.list()])
  await clock.advanceTo(1_999)
  await models.list()
  expect(fake.requests).toHaveLength(1)
  await clock.advanceTo(2_000)
  await models.list()
  expect(fake.requests).toHaveLength(2)
})

describe('that it does not run', () => {
  const nowhere = 'http://127.0.0.1:9'

  test('is no fault where nobody said that it would', async () => {
    const clock = new VirtualClock(0)
    const models = new LmStudioModels({ server: new LmStudioServer({ baseUrl: nowhere, clock }), clock })
    expect(await models.list()).toEqual([])
    expect(await models.find('mistral-7b')).toBeUndefined()
    expect(models.fault).toBeUndefined()
  })

  test('is one where a person set its address', async () => {
    const clock = new VirtualClock(0)
    const server = new LmStudioServer({ baseUrl: nowhere, clock })
    const models = new LmStudioModels({ server, clock, isExpected: true })
    expect(await models.list()).toEqual([])
    expect(models.fault).toContain(`does not answer at ${nowhere}`)
  })

  test('is one when it ran before, until it runs again', async () => {
    const { clock, fake, models } = await ground()
    await models.list()
    await fake.stop()
    await clock.advanceTo(2_000)
    expect(await models.list()).toEqual([])
    expect(models.fault).toContain('Start its server')
  })
})

describe('that it accepts connections and says nothing', () => {
  async function silenced(script: Script, isExpected: boolean) {
    const clock = new VirtualClock(0)
    const upstream = await ScriptedUpstream.start(script)
    const server = new LmStudioServer({ baseUrl: upstream.url, clock })
    onTestFinished(async () => {
      await server.close()
      await upstream[Symbol.asyncDispose]()
    })
    const models = new LmStudioModels({ server, clock, isExpected })
    const list = () => timedList(models, clock)
    return { clock, upstream, list }
  }

  test.each([
    [false, 1_000, 100],
    [true, 5_000, 5_000],
  ])(
    'costs a list (expected: %s) %i ms, nothing for 10 s more, and then %i ms',
    async (isExpected, firstMs, laterMs) => {
      const { clock, list } = await silenced(() => {}, isExpected)
      expect(await list()).toEqual([firstMs, 0])
      await clock.advanceTo(firstMs + 9_999)
      expect(await list()).toEqual([0, 0])
      await clock.advanceTo(firstMs + 10_000)
      expect(await list()).toEqual([laterMs, 0])
    },
  )

  test('hides no model that it had', async () => {
    const { clock, upstream, list } = await silenced(
      (_, response) => sendJson(response, 200, { models: [{ key: 'a', loaded_instances: [] }] }),
      false,
    )
    expect(await list()).toEqual([0, 1])
    upstream.script = () => {}
    await clock.advanceTo(2_000)
    expect(await list()).toEqual([1_000, 1])
  })

  test('costs 1 s in all where it lists in none of its ways in time', async () => {
    const { clock, list } = await silenced(({ path }, response) => {
      const late = () => sendJson(response, 200, { error: `Unexpected endpoint or method. (GET ${path})` })
      clock.setTimer(900, late)
    }, false)
    expect(await list()).toEqual([1_000, 0])
  })
})

test('that it wants a token is a fault that can be mended', async () => {
  const { models } = await ground({ apiToken: 'sk-lm-secret' })
  expect(await models.list()).toEqual([])
  expect(models.fault).toContain('engines.lmStudioToken')
})
