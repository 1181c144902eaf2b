import { afterEach, expect, onTestFinished, test } from 'vitest'
import { FakeOllamaGround, ForwardClock } from '../../../test/support/ollama-provider-ground.ts'
import { ScriptedUpstream, type Script, sendJson } from '../../../test/support/scripted-upstream.ts'
import { timedList } from '../../../test/support/timed-list.ts'
import { DEFAULT_MODELS } from '../../testing/ollama/models.ts'
import { VirtualClock } from '../../testing/virtual-clock.ts'
import { OllamaConnection } from './ollama-connection.ts'
import { OllamaModels } from './ollama-models.ts'

let started: FakeOllamaGround | undefined

afterEach(async () => {
  await started?.[Symbol.asyncDispose]()
  started = undefined
})

async function start(...[options, more]: Parameters<typeof FakeOllamaGround.start>): Promise<FakeOllamaGround> {
  started = await FakeOllamaGround.start(options, more)
  return started
}

const asked = ({ fake }: FakeOllamaGround, path: string): number =>
  fake.requests.filter((seen) => seen.path === path).length

test('a model is found by every way to write its name, and told of as Ollama tells', async () => {
  const { ground } = await start({ version: '0.17.4' })
  const { models } = ground
  const found = await models.find('registry.ollama.ai/library/LLAMA3.2:1b')
  expect(found).toMatchObject({
    id: 'llama3.2:1b',
    engineName: 'llama3.2:1b',
    platform: 'ollama',
    sizeBytes: 1_321_082_688,
    capabilities: ['completion', 'tools'],
    architecture: 'llama',
    parameterCount: 1_321_082_688,
    quantization: 'Q8_0',
    trainContextTokens: 131_072,
    chatTemplate: null,
    fixedContextTokens: null,
    fixedParallel: 1,
    isElsewhere: false,
    settings: {},
  })
  expect(found?.header).toMatchObject({ 'general.architecture': 'llama', 'llama.block_count': 16 })
  expect(found?.modifiedAtMs).toBe(Date.parse('2026-01-01'))
  expect((await models.find('twin'))?.id).toBe('twin:latest')
  expect(await models.find('llama3.2')).toBeUndefined()
  expect(models.fault).toBeUndefined()
})

test('names on the same weights have the same engine key, and the digest of the weights is told', async () => {
  const { ground } = await start()
  const [model, twin, other] = await Promise.all(
    ['llama3.2:1b', 'twin', 'smollm2:135m'].map((name) => ground.models.find(name)),
  )
  const { sha256 } = model?.weights ?? {}
  expect(sha256).toMatch(/^[0-9a-f]{64}$/)
  expect(model?.engineKey).toBe(`ollama:sha256-${sha256}`)
  expect(twin?.engineKey).toBe(model?.engineKey)
  expect(other?.engineKey).not.toBe(model?.engineKey)
})

test('a cloud model lies elsewhere', async () => {
  const { ground } = await start()
  const listed = await ground.models.list()
  expect(listed.map(({ id }) => id)).toEqual(DEFAULT_MODELS.map(({ name }) => name).sort())
  expect(listed.filter(({ isElsewhere }) => isElsewhere).map(({ id }) => id)).toEqual(['gpt-oss:120b-cloud'])
  expect(listed.find(({ isElsewhere }) => isElsewhere)?.weights).toEqual({})
})

test('the list is asked for once in 2 s, and each description once', async () => {
  const clock = new ForwardClock()
  const ground = await start({}, { clock })
  const { models } = ground.ground
  await Promise.all([models.find('twin'), models.find('twin'), models.list()])
  expect(asked(ground, '/api/tags')).toBe(1)
  expect(asked(ground, '/api/show')).toBe(DEFAULT_MODELS.length)
  clock.forward(2_000)
  await models.list()
  expect(asked(ground, '/api/tags')).toBe(2)
  expect(asked(ground, '/api/show')).toBe(DEFAULT_MODELS.length)
})

test('an Ollama that is not there is a fault where it was expected or had answered, and is not asked all the time', async () => {
  const clock = new ForwardClock()
  for (const isExpected of [true, false]) {
    const { fake, ground } = await start({}, { clock, isExpected })
    await fake.stop()
    expect(await ground.models.list()).toEqual([])
    expect(await ground.models.find('twin')).toBeUndefined()
    if (isExpected) expect(ground.models.fault).toContain('nobody listens there')
    else expect(ground.models.fault).toBeUndefined()
    await started?.[Symbol.asyncDispose]()
  }
  const { fake, ground } = await start({}, { clock, isExpected: false })
  expect(await ground.models.list()).not.toEqual([])
  await fake.stop()
  expect(await ground.models.list()).not.toEqual([])
  clock.forward(2_000)
  expect(await ground.models.list()).toEqual([])
  expect(ground.models.fault).toContain(fake.url)
})

/** Models of an Ollama that answers as a test says, on a clock that waits for its answers. */
async function scripted(script: Script, isExpected: boolean) {
  const clock = new VirtualClock(0)
  const upstream = await ScriptedUpstream.start(script)
  const connection = new OllamaConnection({ baseUrl: upstream.url, clock })
  onTestFinished(async () => {
    await connection.close()
    await upstream[Symbol.asyncDispose]()
  })
  const models = new OllamaModels({ connection, clock, isExpected })
  const list = () => timedList(models, clock)
  return { clock, upstream, list }
}

test.each([
  [false, 1_000, 100],
  [true, 2_000, 2_000],
])(
  'one that accepts connections and says nothing (expected: %s) costs a list %i ms, nothing for 10 s more, then %i ms',
  async (isExpected, firstMs, laterMs) => {
    const { clock, list } = await scripted(() => {}, isExpected)
    expect(await list()).toEqual([firstMs, 0])
    await clock.advanceTo(firstMs + 9_999)
    expect(await list()).toEqual([0, 0])
    await clock.advanceTo(firstMs + 10_000)
    expect(await list()).toEqual([laterMs, 0])
  },
)

test('one that lists and describes nothing costs 5 s in all, and its models are there', async () => {
  const tags = Array.from({ length: 20 }, (_, index) => ({ name: `m:${index}`, digest: `${index}`, size: 1 }))
  const { list } = await scripted(({ path }, response) => {
    if (path === '/api/tags') sendJson(response, 200, { models: tags })
  }, false)
  const [waitedMs, count] = await list()
  expect(count).toBe(20)
  expect(waitedMs).toBeGreaterThanOrEqual(5_000)
  expect(waitedMs).toBeLessThan(7_000)
})
