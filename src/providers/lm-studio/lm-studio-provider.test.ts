import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { LmStudioGround, type LmStudioGroundOptions, studioModel } from '../../../test/support/lm-studio-ground.ts'
import { ResourceError, toErrorData } from '../../spec/errors.ts'
import { ask, never, read, text } from '../../testing/contract-check.ts'
import type { FakeLmStudioOptions } from '../../testing/fake-lm-studio.ts'
import { VirtualClock } from '../../testing/virtual-clock.ts'

const OLD = '0.3.30'
const model = studioModel('mistral-7b')
const other = studioModel('ibm/granite-4-micro')
const embedding = { ...studioModel('text-embedding-nomic-embed-text-v1.5'), onlyEmbeds: true }

async function ground(fake: FakeLmStudioOptions = {}, options: LmStudioGroundOptions = {}): Promise<LmStudioGround> {
  const started = await LmStudioGround.start(fake, options)
  onTestFinished(() => started[Symbol.asyncDispose]())
  return started
}

/** What it rejects with; fails when it does not. */
async function refusal(work: Promise<unknown>): Promise<{ reason: string; message: string }> {
  return work.then(() => {
    throw new Error('It was not refused.')
  }, toErrorData)
}

describe('a load', () => {
  test('sends only what LM Studio knows, with the window that is wanted', async () => {
    const { provider, asked } = await grounded()
    const result = await provider.load(studioModel('mistral-7b', 2_048), never())
    expect(result).toMatchObject({
      contextTokens: 2_048,
      footprint: { bytes: 4_122_000_000, source: 'estimated' },
      heldFileBytes: 0,
    })
    expect(asked('/api/v1/models/load')).toEqual([{ model: 'mistral-7b', context_length: 2_048 }])
  })

  test('is done once for several who ask at once', async () => {
    const { fake, provider } = await ground({ loadDelayMs: 20 })
    const sibling = { ...model, id: 'sibling' }
    const results = await Promise.all([model, model, sibling].map((each) => provider.load(each, never())))
    expect(fake.counters).toMatchObject({ loads: new Map([['mistral-7b', 1]]), duplicates: 0 })
    expect(results[1]).toEqual(results[0])
    expect(results[2]?.footprint.bytes).toBe(0)
  })

  test('finds a model by what a person calls it', async () => {
    const { fake, provider } = await ground()
    await provider.load({ ...other, engineName: 'Granite-4-Micro' }, never())
    expect(fake.loaded).toMatchObject([{ id: 'ibm/granite-4-micro', loadedBy: 'api' }])
  })

  test('that guardrails forbid is told with what it would take, and may pass later', async () => {
    const { provider } = await ground({ guardrailLimitBytes: 1_000_000_000 })
    const error = await provider.load(model, never()).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ reason: 'out-of-memory', isRetryable: true })
    expect((error as ResourceError).message).toMatch(/requires approximately 4\.44 GB/)
  })

  test.each([
    ["error loading model: unknown model architecture: 'x'", 'architecture-unsupported'],
    ['Failed to load model', 'model-load-failed'],
  ])('that fails with %j is %s', async (said, reason) => {
    const { provider } = await ground({ loadFailures: new Map([['mistral-7b', said]]) })
    expect((await refusal(provider.load(model, never()))).reason).toBe(reason)
  })

  test('that is given up is waited for and undone, since it cannot be stopped', async () => {
    const { fake, provider } = await ground({ loadDelayMs: 50 })
    const leaving = new AbortController()
    const load = refusal(provider.load(model, leaving.signal))
    await vi.waitFor(() => expect(fake.requests.at(-1)?.path).toBe('/api/v1/models/load'))
    leaving.abort()
    expect((await load).reason).toBe('request-cancelled')
    expect(fake.loaded).toEqual([])
    expect(fake.counters.loads.get('mistral-7b')).toBe(1)
  })

  test('that is under way when grym ends leaves nothing behind', async () => {
    const { fake, provider } = await ground({ loadDelayMs: 50 })
    const load = refusal(provider.load(model, never()))
    await vi.waitFor(() => expect(fake.requests.at(-1)?.path).toBe('/api/v1/models/load'))
    await provider.dispose()
    expect((await load).reason).toBe('request-cancelled')
    expect(fake.loaded).toEqual([])
  })

  test('without the token that LM Studio wants is refused, and says what to set', async () => {
    const { provider } = await ground({ apiToken: 'sk-lm-secret' })
    expect(await refusal(provider.load(model, never()))).toMatchObject({
      reason: 'engine-refused',
      message: expect.stringContaining('engines.lmStudioToken') as string,
    })
    const { provider: knowing } = await ground({ apiToken: 'sk-lm-secret' }, { token: 'sk-lm-secret' })
    await knowing.load(model, never())
    expect(text(await read(knowing.generate(model.id, ask('hello', 4), never())))).not.toBe('')
  })
})

describe('what a person has loaded', () => {
  test('is used as it is, and is theirs when grym has no use for it', async () => {
    const { fake, provider } = await ground()
    await fake.manualLoad('mistral-7b', 1_234)
    expect((await provider.load(model, never())).contextTokens).toBe(1_234)
    await read(provider.generate(model.id, ask('hello', 4), never()))
    await provider.unload(model.id)
    expect(fake.loaded).toMatchObject([{ id: 'mistral-7b', loadedBy: 'person' }])
    expect((await refusal(read(provider.generate(model.id, ask('hello', 4), never())))).reason).toBe('engine-lost')
    expect(fake.counters).toMatchObject({ duplicates: 0, unloads: 0 })
  })

  test('is left alone at the end, and what grym has loaded is not', async () => {
    const { fake, provider } = await ground()
    await fake.manualLoad('mistral-7b')
    await provider.load(model, never())
    await provider.load(other, never())
    await provider.dispose()
    expect(fake.loaded.map(({ id }) => id)).toEqual(['mistral-7b'])
  })

  test('of several the one with the largest window is used, by its own id', async () => {
    const { asked, fake, provider } = await grounded()
    await fake.manualLoad('mistral-7b', 512)
    await fake.manualLoad('mistral-7b', 4_096)
    expect((await provider.load(model, never())).contextTokens).toBe(4_096)
    await read(provider.generate(model.id, ask('hello', 4), never()))
    expect(asked('/v1/chat/completions')).toMatchObject([{ model: 'mistral-7b:2' }])
  })
})

describe('an unload', () => {
  test('is by the id of the instance, and over when the list says so', async () => {
    const { asked, fake, provider } = await grounded({ unloadDelayMs: 20 })
    await provider.load(model, never())
    await provider.unload(model.id)
    expect(asked('/api/v1/models/unload')).toEqual([{ instance_id: 'mistral-7b' }])
    expect(fake.loaded).toEqual([])
  })

  test('of what is gone already succeeds', async () => {
    const { fake, provider } = await ground()
    await provider.load(model, never())
    fake.manualUnload('mistral-7b')
    await provider.unload(model.id)
    await provider.unload(model.id)
    expect(fake.loaded).toEqual([])
  })

  test('leaves the instance to another name of the same model', async () => {
    const { fake, provider } = await ground()
    const sibling = { ...model, id: 'sibling' }
    await provider.load(model, never())
    await provider.load(sibling, never())
    await provider.unload(model.id)
    await read(provider.generate('sibling', ask('hello', 4), never()))
    await provider.unload('sibling')
    expect(fake.loaded).toEqual([])
  })
})

describe('LM Studio before 0.4', () => {
  test('loads by being asked, for as long as it is told, and once', async () => {
    const timed = { ...model, idleTimeoutMs: 90_500 }
    const { asked, fake, provider } = await grounded({ version: OLD })
    const [result] = await Promise.all([provider.load(timed, never()), provider.load(timed, never())])
    expect(asked('/v1/chat/completions')).toMatchObject([{ model: 'mistral-7b', max_tokens: 1, ttl: 91 }])
    // The window is set in the application.
    expect(result).toMatchObject({ contextTokens: 4_096 })
    expect(fake.loaded).toMatchObject([{ loadedBy: 'jit' }])
    await read(provider.generate(model.id, ask('hello', 4), never()))
    expect(fake.counters).toMatchObject({ jitLoads: 1, duplicates: 0 })
  })

  test('loads an embedding model by embedding', async () => {
    const { asked, provider } = await grounded({ version: OLD })
    await provider.load(embedding, never())
    expect(asked('/v1/embeddings')).toEqual([{ model: 'text-embedding-nomic-embed-text-v1.5', input: '.' }])
  })

  test('is told the idle time of the model, else the one that is configured now, and none where grym has no timer', async () => {
    let idleTimeoutMs: number | null = 1_000
    const { asked, fake, provider } = await grounded({ version: OLD }, { idleTimeoutMs: () => idleTimeoutMs })
    const loadAnew = async (changes: Partial<typeof model>): Promise<void> => {
      await provider.load({ ...model, ...changes }, never())
      await provider.unload(model.id)
      fake.manualUnload('mistral-7b')
    }
    await loadAnew({ idleTimeoutMs: 'default' })
    idleTimeoutMs = 2_000
    await loadAnew({ idleTimeoutMs: 'default' })
    await loadAnew({ idleTimeoutMs: 3_000 })
    await loadAnew({ idleTimeoutMs: 0 })
    await loadAnew({ idleTimeoutMs: null })
    await loadAnew({ idleTimeoutMs: 'default', pinned: true })
    const ttls = asked('/v1/chat/completions').map((body) => (body as { ttl?: number }).ttl)
    expect(ttls).toEqual([1, 2, 3, 1, undefined, undefined])
  })

  test('unloads nothing on request: the model is forgotten, and taken up again as it is', async () => {
    const { asked, fake, losses, provider } = await grounded({ version: OLD })
    await provider.load(model, never())
    await provider.unload(model.id)
    await provider.unload(model.id)
    expect((await refusal(read(provider.generate(model.id, ask('hello', 4), never())))).reason).toBe('engine-lost')
    await provider.load(model, never())
    await read(provider.generate(model.id, ask('hello', 4), never()))
    expect(fake.counters).toMatchObject({ jitLoads: 1, duplicates: 0 })
    expect(asked('/api/v1/models/unload')).toEqual([])
    await provider.unload(model.id)
    fake.manualUnload('mistral-7b')
    expect(losses).toEqual([])
  })

  test('that loads nothing by itself says so, and another model’s answer is no load', async () => {
    const { fake, provider } = await ground({ version: OLD, isJit: false })
    expect((await refusal(provider.load(model, never()))).reason).toBe('engine-refused')
    await fake.manualLoad('ibm/granite-4-micro')
    expect(await refusal(provider.load(model, never()))).toMatchObject({
      reason: 'wrong-model',
      message: expect.stringContaining("answered with 'ibm/granite-4-micro'") as string,
    })
  })

  test('that evicts a model for another one is noticed', async () => {
    const { losses, provider } = await ground({ version: OLD })
    await provider.load(model, never())
    await provider.load(other, never())
    expect((await refusal(read(provider.generate(model.id, ask('hello', 4), never())))).reason).toBe('engine-lost')
    expect(losses).toMatchObject([{ engineKey: model.engineKey, cause: 'taken' }])
  })
})

describe('an answer', () => {
  test.each(['event', 'empty'] as const)(
    'to a prompt that is too long: LM Studio says so by %s',
    async (overflowStream) => {
      const { losses, provider } = await ground({ overflowStream })
      await provider.load(model, never())
      const long = ask('word '.repeat(600), 4)
      expect((await refusal(read(provider.generate(model.id, long, never())))).reason).toBe('context-too-long')
      await read(provider.generate(model.id, ask('after', 4), never()))
      expect(losses).toEqual([])
    },
  )

  test('ends as lost when a person ejects the model, which is told before', async () => {
    const { fake, losses, provider } = await ground({ tokenDelayMs: 5 })
    await provider.load(model, never())
    const answer = provider.generate(model.id, ask('lost', 500), never())[Symbol.asyncIterator]()
    await answer.next()
    fake.manualUnload('mistral-7b')
    const rest = async (): Promise<void> => {
      while (!(await answer.next()).done);
    }
    expect((await refusal(rest())).reason).toBe('engine-lost')
    expect(losses).toMatchObject([{ cause: 'taken' }])
    // Nothing of ours is left, and nothing was loaded behind grym's back.
    expect(fake.counters).toMatchObject({ jitLoads: 0, substitutions: 0 })
    await provider.load(model, never())
  })

  test('is not asked of a name that another model would answer to', async () => {
    const { fake, provider } = await ground({ isJit: false })
    await provider.load(model, never())
    await fake.manualLoad('ibm/granite-4-micro')
    fake.manualUnload('mistral-7b')
    expect((await refusal(read(provider.generate(model.id, ask('hello', 4), never())))).reason).toBe('engine-lost')
    expect(fake.counters.substitutions).toBe(0)
  })

  test('with log probabilities is refused', async () => {
    const { provider } = await ground()
    await provider.load(model, never())
    const wish = { ...ask('hello', 4), topLogprobs: 2 }
    expect((await refusal(read(provider.generate(model.id, wish, never())))).reason).toBe('logprobs-unsupported')
  })

  test('is not counted before', async () => {
    const { provider } = await ground()
    expect((await refusal(provider.countTokens(model, [], never()))).reason).toBe('counting-unsupported')
  })
})

test('texts are embedded, as vectors of length 1, and what cannot fit is refused', async () => {
  const { provider } = await ground()
  const bounded = { ...embedding, maxPromptBytes: 1_000 }
  await provider.load(bounded, never())
  const { vectors } = await provider.embed(bounded.id, ['one', 'another', 'one'], never())
  expect(vectors).toHaveLength(3)
  expect(vectors[2]).toEqual(vectors[0])
  for (const vector of vectors) expect(Math.hypot(...vector)).toBeCloseTo(1, 4)
  expect((await refusal(provider.embed(bounded.id, ['x'.repeat(1_001)], never()))).reason).toBe('context-too-long')
  expect((await refusal(provider.embed(bounded.id, ['x'], AbortSignal.abort()))).reason).toBe('request-cancelled')
})

describe('while a model is loaded the list is looked at', () => {
  test('and what a person took is told within one period', async () => {
    const clock = new VirtualClock(0)
    const { fake, losses, provider } = await ground({}, { clock, watchIntervalMs: 1_000 })
    await provider.load(model, never())
    await clock.advanceTo(1_000)
    fake.manualUnload('mistral-7b')
    await vi.waitFor(async () => {
      await clock.advanceTo(clock.nowMs() + 100)
      expect(losses).toMatchObject([{ engineKey: model.engineKey, cause: 'taken' }])
    })
    expect(clock.nowMs()).toBeLessThan(4_000)
  })

  test('and an application that is closed has lost all', async () => {
    const clock = new VirtualClock(0)
    const { fake, losses, provider } = await ground({}, { clock, watchIntervalMs: 1_000 })
    await provider.load(model, never())
    await provider.load(other, never())
    await fake.stop()
    await vi.waitFor(async () => {
      await clock.advanceTo(clock.nowMs() + 1_000)
      expect(losses).toMatchObject([{ cause: 'crashed' }, { cause: 'crashed' }])
    })
  })

  test('and not any more when none is', async () => {
    const clock = new VirtualClock(0)
    const { fake, provider } = await ground({}, { clock, watchIntervalMs: 1_000 })
    await provider.load(model, never())
    await provider.unload(model.id)
    const askedBefore = fake.requests.length
    await clock.advanceTo(60_000)
    // The timer that was set before looks once more.
    expect(fake.requests.length).toBeLessThanOrEqual(askedBefore + 1)
  })
})

async function grounded(
  ...args: Parameters<typeof ground>
): Promise<Pick<LmStudioGround, 'fake' | 'losses' | 'provider'> & { asked: (path: string) => readonly unknown[] }> {
  const started = await ground(...args)
  const { fake, losses, provider } = started
  return { fake, losses, provider, asked: (path) => started.asked(path) }
}
