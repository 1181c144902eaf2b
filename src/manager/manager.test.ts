import { beforeEach, describe, expect, test } from 'vitest'
import { ask, never, settle, Stage } from '../../test/support/manager-stage.ts'
import type { InferChunk } from '../spec/admin.ts'
import { toErrorData } from '../spec/errors.ts'

const MB = 1_000_000

async function reasonOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'no error',
    (error: unknown) => toErrorData(error).reason,
  )
}

async function read(answer: AsyncIterable<InferChunk>): Promise<InferChunk[]> {
  const chunks: InferChunk[] = []
  for await (const chunk of answer) chunks.push(chunk)
  return chunks
}

let stage: Stage
beforeEach(async () => {
  stage = await new Stage().start()
})

describe('an answer', () => {
  test('streamed: start, text as it comes, end, with a receipt that knows the load', async () => {
    const answer = stage.manager.infer(ask(true), never())[Symbol.asyncIterator]()
    await settle()
    await settle()
    stage.say('Hel')
    expect((await answer.next()).value).toMatchObject({ type: 'start', receipt: { modelId: 'a', loadMs: 0 } })
    expect((await answer.next()).value).toEqual({ type: 'text', text: 'Hel' })
    stage.say('lo')
    expect((await answer.next()).value).toEqual({ type: 'text', text: 'lo' })
    stage.end()
    expect((await answer.next()).value).toMatchObject({ type: 'end', usage: { promptTokens: 3, cachedTokens: 1 } })
    expect((await answer.next()).done).toBe(true)
    expect(stage.asked[0]).toMatchObject({ stop: ['x'], sampling: { seed: 1 } })
  })

  test('not streamed: nothing before it is whole, then all in one piece', async () => {
    const whole = read(stage.manager.infer(ask(false), never()))
    await settle()
    await settle()
    stage.say('Hel')
    stage.say('lo')
    stage.end()
    expect((await whole).map((chunk) => (chunk.type === 'text' ? chunk.text : chunk.type))).toEqual([
      'start',
      'Hello',
      'end',
    ])
  })

  test('an unknown model rejects, and the next request works', async () => {
    expect(await reasonOf(read(stage.manager.infer(ask(true, 'unknown'), never())))).toBe('model-not-found')
    const next = read(stage.manager.infer(ask(false), never()))
    await settle()
    await settle()
    stage.end()
    expect(await next).toHaveLength(2)
  })

  test('two requests at once load the model once and take turns', async () => {
    const answers = [read(stage.manager.infer(ask(false), never())), read(stage.manager.infer(ask(false), never()))]
    await settle()
    await settle()
    expect([stage.loads, stage.answers.length]).toEqual([1, 1])
    expect(stage.manager.status().queue).toEqual({ waiting: 1, running: 1 })
    stage.end()
    await settle()
    expect(stage.answers).toHaveLength(2)
    stage.end()
    await Promise.all(answers)
    expect(stage.events.filter(({ type }) => type === 'requestFinished')).toHaveLength(2)
  })

  test('after a load’s first answer the footprint is measured again and remembered', async () => {
    const answer = read(stage.manager.infer(ask(false), never()))
    await settle()
    await settle()
    stage.end()
    await answer
    await settle()
    expect(stage.learned).toEqual([90 * MB])
  })
})

describe('a client that leaves', () => {
  test('aborts the engine’s work at once and frees the place', async () => {
    const leaving = new AbortController()
    const answer = stage.manager.infer(ask(true), leaving.signal)[Symbol.asyncIterator]()
    await settle()
    await settle()
    stage.say('Hel')
    await answer.next()
    leaving.abort()
    expect(stage.answers[0]?.isOver).toBe(true)
    expect(stage.manager.status().queue).toEqual({ waiting: 0, running: 0 })
    await answer.next()
    expect(await reasonOf(answer.next())).toBe('request-cancelled')
  })

  test('while it waits for a load is out of the queue, and the load goes on', async () => {
    let finishLoad = (): void => {}
    stage.load = () => new Promise((resolve) => (finishLoad = resolve))
    const leaving = new AbortController()
    const answer = read(stage.manager.infer(ask(true), leaving.signal))
    await settle()
    leaving.abort()
    expect(await reasonOf(answer)).toBe('request-cancelled')
    finishLoad()
    await settle()
    expect(stage.manager.status().models[0]).toMatchObject({ state: 'ready', activeRequests: 0 })
  })

  test('before anything began costs nothing', async () => {
    expect(await reasonOf(read(stage.manager.infer(ask(true), AbortSignal.abort())))).toBe('request-cancelled')
    expect(stage.loads).toBe(0)
  })
})

describe('a lost engine', () => {
  test('before the first byte: the request is served by a fresh one, and the client notices nothing but time', async () => {
    const answer = read(stage.manager.infer(ask(true), never()))
    await settle()
    await settle()
    stage.loseEngine('a')
    for (let turn = 0; turn < 5; turn++) await settle()
    expect(stage.loads).toBe(2)
    stage.say('Hello')
    stage.end()
    expect((await answer).map(({ type }) => type)).toEqual(['start', 'text', 'end'])
  })

  test('in the middle of a stream: an explicit error', async () => {
    const answer = read(stage.manager.infer(ask(true), never()))
    await settle()
    await settle()
    stage.say('Hel')
    await settle()
    stage.loseEngine('a')
    expect(await reasonOf(answer)).toBe('engine-lost')
  })

  test('in the middle of an answer that is not streamed: retried, for no byte was sent', async () => {
    const answer = read(stage.manager.infer(ask(false), never()))
    await settle()
    await settle()
    stage.say('Hel')
    await settle()
    stage.loseEngine('a')
    for (let turn = 0; turn < 5; turn++) await settle()
    stage.say('Hello')
    stage.end()
    expect((await answer)[1]).toEqual({ type: 'text', text: 'Hello' })
  })
})

describe('by hand', () => {
  test('load says what it found, and a second one that it cost nothing', async () => {
    const first = await stage.manager.load('a', never())
    expect(first).toMatchObject({ modelId: 'a', state: 'ready', footprintBytes: 90 * MB, footprintSource: 'measured' })
    await stage.clock.advanceTo(5_000)
    expect((await stage.manager.load('a', never())).loadMs).toBe(0)
    expect(stage.loads).toBe(1)
  })

  test('unload says whether there was anything to do', async () => {
    await stage.manager.load('a', never())
    expect(await stage.manager.unload('a', never())).toEqual({ modelId: 'a', state: 'unloaded', wasLoaded: true })
    expect(await stage.manager.unload('a', never())).toEqual({ modelId: 'a', state: 'unloaded', wasLoaded: false })
  })

  test('status names the default model’s state, pid and source of its size', async () => {
    await stage.manager.load(undefined, never())
    expect(stage.manager.status().models).toMatchObject([
      { id: 'default-model', state: 'ready', pid: 77, footprintBytes: 90 * MB, footprintSource: 'measured' },
    ])
  })
})

describe('faults beside the work', () => {
  test('a listener that throws hurts nobody, and is reported', async () => {
    stage.manager.subscribe(undefined, () => {
      throw new Error('a bad listener')
    })
    await stage.manager.load('a', never())
    expect(stage.faults.length).toBeGreaterThan(0)
    expect(stage.events.some(({ type }) => type === 'modelLoaded')).toBe(true)
  })

  test('a machine that cannot be read keeps the last reading in force, and says so', async () => {
    stage.readMemory = () => Promise.reject(new Error('no /proc today'))
    await stage.clock.advanceTo(3_000)
    const error = stage.events.find(({ type }) => type === 'error')
    expect(error?.data).toMatchObject({ code: 'SYSTEM_ERROR', message: expect.stringContaining('no /proc today') })
    expect(stage.manager.status().memory.totalBytes).toBe(1_000 * MB)
    await stage.manager.load('a', never())
  })
})

describe('events', () => {
  test('have ids without gaps, and a follower resumes after the last one it saw', async () => {
    await stage.manager.load('a', never())
    const ids = stage.events.map(({ id }) => id)
    expect(ids).toEqual(ids.map((_, index) => (ids[0] ?? 0) + index))
    const resumed: number[] = []
    stage.manager.subscribe(ids[1], ({ id }) => resumed.push(id))
    expect(resumed).toEqual(ids.slice(2))
  })
})

describe('close', () => {
  test('lets what is being served finish, refuses what comes, and leaves nothing in memory', async () => {
    const answer = read(stage.manager.infer(ask(false), never()))
    await settle()
    await settle()
    const closed = stage.manager.close(5_000)
    expect(await reasonOf(read(stage.manager.infer(ask(false), never())))).toBe('shutting-down')
    stage.end()
    expect((await answer).at(-1)?.type).toBe('end')
    await closed
    expect(stage.manager.status().models.map(({ state }) => state)).toEqual(['unloaded'])
  })

  test('does not wait longer than its grace; whoever is cut off is told', async () => {
    const answer = reasonOf(read(stage.manager.infer(ask(true), never())))
    await settle()
    await settle()
    const closed = stage.manager.close(5_000)
    await stage.clock.advanceTo(6_001)
    await closed
    expect(await answer).toBe('shutting-down')
  })
})
