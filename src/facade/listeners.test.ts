import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { machineStatus, modelStatus } from '../../test/support/guide-status.ts'
import { ServedHome } from '../../test/support/served-home.ts'
import type { EventPayloads, GrymEvent } from '../spec/events.ts'
import type { ResourceManagerListener } from './guide-events.ts'

/*
 * Who hears what, and when, of an instance that the test conducts.
 */

let ground: ServedHome
let lastEventId = 0

beforeEach(async () => {
  ground = await ServedHome.start()
  lastEventId = 0
  standsAs()
})

afterEach(() => ground[Symbol.asyncDispose]())

/** The instance that runs now has these models, and every event so far. */
function standsAs(): void {
  const { manager } = ground.served
  manager.status = () => machineStatus([modelStatus()], lastEventId)
  manager.identify = async () => 'tiny'
}

function happen<Type extends GrymEvent['type']>(type: Type, data: EventPayloads[Type]): void {
  lastEventId += 1
  ground.served.manager.publish({ id: lastEventId, atMs: 5, type, data } as GrymEvent)
}

const unload = (): void => happen('modelUnloaded', { modelId: 'tiny', reason: 'idle' })
const decide = (): void => happen('decided', { atMs: 5, decision: 'pin', inputs: {} })

/** Names of events as they were heard, and the listener that hears them. */
function ear(): { readonly heard: string[]; readonly listener: ResourceManagerListener } {
  const heard: string[] = []
  return {
    heard,
    listener: (type, data) => void heard.push('modelId' in data ? `${type} ${data.modelId}` : type),
  }
}

test('what a call causes is told before it is over, in order, by the name that the program uses', async () => {
  const library = ground.library()
  const { heard, listener } = ear()
  library.addEventListener(listener)
  const { manager } = ground.served
  const load = manager.load.bind(manager)
  manager.load = async (model) => {
    happen('modelLoading', { modelId: 'tiny', attempt: 1 })
    const footprint = { bytes: 5, source: 'measured' } as const
    happen('modelLoaded', { modelId: 'tiny', loadMs: 5, footprint, fromCache: false })
    happen('resourcesFreed', { unloadedModels: ['other'] })
    return load(model)
  }
  await library.loadModel('best')
  expect(heard).toEqual(['modelLoaded best', 'resourcesFreed'])
})

test('an event that is not told does not overtake one that is still being told', async () => {
  const library = ground.library()
  await library.getResourceMetrics()
  const order: string[] = []
  library.addEventListener((type) => void order.push(type))
  await library.getResourceMetrics()
  // How things stand is asked for the first event, and answered late; the call itself is answered at once.
  const looked = Promise.withResolvers<void>()
  const answered = Promise.withResolvers<void>()
  const late = Promise.withResolvers<void>()
  let looks = 0
  Object.assign(ground.served.manager, {
    async status() {
      looks += 1
      looked.resolve()
      if (looks === 1) await late.promise
      else answered.resolve()
      return machineStatus([modelStatus()], lastEventId)
    },
    async freeAll() {
      unload()
      await looked.promise
      decide()
      return { unloadedModels: [] }
    },
  })
  const over = library.freeResources().then(() => order.push('over'))
  await answered.promise
  await fetch(`${ground.served.url}/health`)
  await fetch(`${ground.served.url}/health`)
  late.resolve()
  await over
  expect(order).toEqual(['modelUnloaded', 'over'])
})

test('events of before the first call are not told', async () => {
  unload()
  const library = ground.library()
  const { heard, listener } = ear()
  library.addEventListener(listener)
  await library.getResourceMetrics()
  unload()
  await library.getResourceMetrics()
  expect(heard).toEqual(['modelUnloaded tiny'])
})

test('a listener that was removed hears nothing more, and others still do', async () => {
  const library = ground.library()
  const [leaving, staying] = [ear(), ear()]
  library.addEventListener(leaving.listener)
  library.addEventListener(leaving.listener)
  library.addEventListener(staying.listener)
  await library.getResourceMetrics()
  unload()
  await library.getResourceMetrics()
  library.removeEventListener(leaving.listener)
  library.removeEventListener(() => {})
  unload()
  await library.getResourceMetrics()
  expect([leaving.heard.length, staying.heard.length]).toEqual([1, 2])
})

test('a listener may remove itself, or add another one, while it is told', async () => {
  const library = ground.library()
  const { heard, listener } = ear()
  const brief: ResourceManagerListener = () => {
    library.removeEventListener(brief)
    library.addEventListener(listener)
    heard.push('once')
  }
  library.addEventListener(brief)
  await library.getResourceMetrics()
  unload()
  unload()
  await library.getResourceMetrics()
  expect(heard.filter((name) => name === 'once')).toHaveLength(1)
  expect(heard.at(-1)).toBe('modelUnloaded tiny')
})

test('after destroy nobody is told, and the instance is not followed', async () => {
  const library = ground.library()
  const { heard, listener } = ear()
  library.addEventListener(listener)
  await library.getResourceMetrics()
  await expect.poll(() => ground.served.manager.followers.size).toBe(1)
  library.destroy()
  await expect.poll(() => ground.served.manager.followers.size).toBe(0)
  unload()
  expect(heard).toEqual([])
})

describe('when the instance ends', () => {
  test('listeners hear of the next one', async () => {
    const library = ground.library({ mode: 'auto' })
    const { heard, listener } = ear()
    library.addEventListener(listener)
    await library.getResourceMetrics()
    await ground.replace()
    standsAs()
    await library.getResourceMetrics()
    unload()
    await library.getResourceMetrics()
    expect(heard).toEqual(['modelUnloaded tiny'])
  })

  test('a listener that is added then hurts nothing, and hears of the next one', async () => {
    const library = ground.library({ mode: 'auto' })
    await library.getResourceMetrics()
    await ground.replace()
    standsAs()
    const { heard, listener } = ear()
    library.addEventListener(listener)
    await library.getResourceMetrics()
    unload()
    await library.getResourceMetrics()
    expect(heard).toEqual(['modelUnloaded tiny'])
  })
})

test('a listener that throws hurts neither the others nor the call, and the program is told', async () => {
  const index = JSON.stringify(new URL('../index.ts', import.meta.url).href)
  const code = `
    const { createResourceManager } = await import(${index})
    const said = []
    process.on('warning', ({ name, message }) => said.push(name + ' ' + message))
    const manager = createResourceManager({ mode: 'connect', home: ${JSON.stringify(ground.home)} })
    manager.addEventListener(() => { throw new Error('mine') })
    manager.addEventListener((type) => said.push('heard ' + type))
    await manager.getResourceMetrics()
    const isLoaded = await manager.loadModel('tiny')
    // A warning is told in the turn after the one that it is about, and event and answer may come in the same.
    await new Promise((resolve) => setImmediate(resolve))
    said.push(String(isLoaded))
    manager.destroy()
    process.stdout.write(JSON.stringify(said))`
  const { manager } = ground.served
  const load = manager.load.bind(manager)
  manager.load = async (model) => {
    unload()
    return load(model)
  }
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  let out = ''
  child.stdout.on('data', (data: Buffer) => (out += data.toString('utf8')))
  await once(child, 'close')
  expect([child.exitCode, JSON.parse(out)]).toEqual([
    0,
    ['heard modelUnloaded', 'GrymListenerWarning a listener threw: Error: mine', 'true'],
  ])
})
