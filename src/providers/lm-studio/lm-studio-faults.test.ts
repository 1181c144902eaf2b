import type { ServerResponse } from 'node:http'
import { setTimeout as turn } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { studioModel } from '../../../test/support/lm-studio-ground.ts'
import { ScriptedUpstream, type SeenRequest, sendChat, sendJson } from '../../../test/support/scripted-upstream.ts'
import { toErrorData } from '../../spec/errors.ts'
import type { EngineLoss } from '../../spec/provider.ts'
import { ask, never, read, text } from '../../testing/contract-check.ts'
import { VirtualClock } from '../../testing/virtual-clock.ts'
import { LmStudioProvider } from './lm-studio-provider.ts'
import { LmStudioServer } from './server.ts'

/* What the fake does not do: it is faithful, and these are faults, or versions that are hardly to be met any more. */

const model = studioModel('mistral-7b')
type Answer = (request: SeenRequest, response: ServerResponse) => void

interface Ground {
  readonly answers: Map<string, Answer>
  readonly clock: VirtualClock
  readonly provider: LmStudioProvider
  readonly losses: EngineLoss[]
}

/** A provider on a server that answers by path, as these say now; what is left out it does not know. */
async function ground(answers: Map<string, Answer>): Promise<Ground> {
  const upstream = await ScriptedUpstream.start((request, response) => {
    const answer = answers.get(request.path)
    if (answer) return answer(request, response)
    sendJson(response, 200, { error: `Unexpected endpoint or method. (${request.method} ${request.path})` })
  })
  const clock = new VirtualClock(0)
  const server = new LmStudioServer({ baseUrl: upstream.url, clock })
  const watchIntervalMs = (): number => 1_000
  const provider = new LmStudioProvider({ server, clock, watchIntervalMs, idleTimeoutMs: () => null })
  const losses: EngineLoss[] = []
  provider.onEngineLost((loss) => losses.push(loss))
  onTestFinished(async () => {
    await upstream[Symbol.asyncDispose]()
    await provider.dispose()
  })
  return { answers, clock, provider, losses }
}

function listing(...instanceIds: readonly string[]): Answer {
  const instances = instanceIds.map((id) => ({ id, config: { context_length: 512 } }))
  return (_, response) => sendJson(response, 200, { models: [{ key: 'mistral-7b', loaded_instances: instances }] })
}

/** Lets a virtual clock run, slowly enough for sockets to do their work, until this holds. */
async function passing(clock: VirtualClock, isOver: () => boolean): Promise<void> {
  for (let steps = 0; steps < 2_000 && !isOver(); steps++) {
    await clock.advanceTo(clock.nowMs() + 50)
    await turn(1)
  }
}

test('a load that is said to be done and does not show in the list has failed', async () => {
  const { clock, provider } = await ground(
    new Map([
      ['/api/v1/models', listing()],
      ['/api/v1/models/load', (_, response) => sendJson(response, 200, { instance_id: 'mistral-7b' })],
    ]),
  )
  let told: unknown
  void provider.load(model, never()).catch((error: unknown) => (told = toErrorData(error)))
  await passing(clock, () => told !== undefined)
  expect(told).toMatchObject({ reason: 'model-load-failed' })
  expect(clock.nowMs()).toBeGreaterThanOrEqual(10_000)
})

test('an unload that is said to be done while the list still shows the model has failed, and it serves on', async () => {
  const { answers, clock, provider } = await ground(
    new Map([
      ['/api/v1/models', listing()],
      ['/api/v1/models/unload', (_, response) => sendJson(response, 200, { instance_id: 'mistral-7b' })],
      ['/v1/chat/completions', (_, response) => sendChat(response, ['Hello'], 'mistral-7b')],
    ]),
  )
  answers.set('/api/v1/models/load', (_, response) => {
    answers.set('/api/v1/models', listing('mistral-7b'))
    sendJson(response, 200, { instance_id: 'mistral-7b' })
  })
  await provider.load(model, never())
  let told: unknown
  void provider.unload(model.id).catch((error: unknown) => (told = toErrorData(error)))
  await passing(clock, () => told !== undefined)
  expect(told).toMatchObject({ reason: 'unload-failed' })
  expect(text(await read(provider.generate(model.id, ask('hello', 4), never())))).toBe('Hello')
})

test('an answer by another model is not passed on', async () => {
  const { losses, provider } = await ground(
    new Map([
      ['/api/v1/models', listing('mistral-7b')],
      ['/v1/chat/completions', (_, response) => sendChat(response, ['Hello'], 'ibm/granite-4-micro')],
    ]),
  )
  await provider.load(model, never())
  const answer = provider.generate(model.id, ask('hello', 4), never())
  await expect(read(answer)).rejects.toMatchObject({ reason: 'wrong-model' })
  expect(losses).toEqual([])
})

test('an application that says nothing three times in a row is stuck', async () => {
  const { answers, clock, losses, provider } = await ground(new Map([['/api/v1/models', listing('mistral-7b')]]))
  await provider.load(model, never())
  answers.set('/api/v1/models', () => {})
  await passing(clock, () => losses.length > 0)
  expect(losses).toMatchObject([{ cause: 'stuck' }])
  expect(clock.nowMs()).toBeGreaterThanOrEqual(15_000)
  await expect(read(provider.generate(model.id, ask('hello', 4), never()))).rejects.toMatchObject({
    reason: 'engine-lost',
  })
})

test('a model that came into memory while a list was on its way is not judged by that list', async () => {
  const row = (key: string) => ({ key, loaded_instances: [{ id: key, config: { context_length: 512 } }] })
  const lists = (...keys: readonly string[]): Answer => {
    return (_, response) => sendJson(response, 200, { models: keys.map(row) })
  }
  const { answers, clock, losses, provider } = await ground(new Map([['/api/v1/models', lists('mistral-7b')]]))
  await provider.load(model, never())
  const onItsWay: (() => void)[] = []
  answers.set('/api/v1/models', (request, response) => {
    onItsWay.push(() => lists('mistral-7b')(request, response))
  })
  await passing(clock, () => onItsWay.length > 0)
  let isAskedAgain = false
  answers.set('/api/v1/models', lists('mistral-7b', 'another'))
  await provider.load(studioModel('another'), never())
  answers.set('/api/v1/models', (request, response) => {
    isAskedAgain = true
    lists('mistral-7b', 'another')(request, response)
  })
  for (const arrive of onItsWay) arrive()
  await passing(clock, () => isAskedAgain)
  expect(losses).toEqual([])
})

test('an answer that breaks off although the model is still there is lost, and nothing else is', async () => {
  const { losses, provider } = await ground(
    new Map([
      ['/api/v1/models', listing('mistral-7b')],
      ['/v1/chat/completions', (_, response) => void response.writeHead(200).write('x', () => response.destroy())],
    ]),
  )
  await provider.load(model, never())
  const answer = provider.generate(model.id, ask('hello', 4), never())
  await expect(read(answer)).rejects.toMatchObject({ reason: 'engine-lost' })
  expect(losses).toEqual([])
})

test('one that lists names only loads by being asked, and its answers are checked all the same', async () => {
  const { answers, provider } = await ground(
    new Map([
      ['/v1/models', (_, response) => sendJson(response, 200, { data: [{ id: 'mistral-7b' }] })],
      ['/lmstudio-greeting', (_, response) => sendJson(response, 200, { lmstudio: true })],
      ['/v1/chat/completions', (_, response) => sendJson(response, 200, { model: 'mistral-7b', choices: [] })],
    ]),
  )
  expect(await provider.load(model, never())).toMatchObject({ contextTokens: 512 })
  answers.set('/v1/chat/completions', (_, response) => sendChat(response, ['Hello'], 'mistral-7b'))
  expect(text(await read(provider.generate(model.id, ask('hello', 4), never())))).toBe('Hello')
  answers.set('/v1/chat/completions', (_, response) => sendChat(response, ['Hello'], 'another'))
  await expect(read(provider.generate(model.id, ask('hello', 4), never()))).rejects.toMatchObject({
    reason: 'wrong-model',
  })
})
