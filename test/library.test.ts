import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createResourceManager, ResourceError, ResourceManager, type ResourceManagerOptions } from '../src/index.ts'
import { tinyGguf } from '../src/testing/tiny-gguf.ts'

/*
 * The library on tiny models: the guide's calls with the real engine, in this process and beside another one.
 */

let home = ''
const open: ResourceManager[] = []
const INDEX = new URL('../src/index.ts', import.meta.url).href

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'grym-library-'))
  await mkdir(join(home, 'models'), { recursive: true })
  for (const [name, seed] of [
    ['tiny', 1],
    ['other', 2],
    ['third', 3],
  ] as const) {
    await writeFile(join(home, 'models', `${name}.gguf`), tinyGguf({ name, seed }))
  }
})

// Instances that are ending still write there.
afterAll(() => rm(home, { recursive: true, force: true, maxRetries: 10 }))

afterEach(() => {
  for (const manager of open.splice(0)) manager.destroy()
})

function create(options: ResourceManagerOptions = {}): ResourceManager {
  const manager = createResourceManager({ home, ...options })
  open.push(manager)
  return manager
}

/** Events as they were heard: name and model. */
function hear(manager: ResourceManager): string[] {
  const heard: string[] = []
  manager.addEventListener((type, data) => {
    if (type === 'metricsUpdated') return
    heard.push('modelId' in data ? `${type} ${data.modelId}` : type)
  })
  return heard
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'no error',
    (error: unknown) => (error instanceof ResourceError ? `${error.code} ${error.reason}` : String(error)),
  )
}

async function textOf(manager: ResourceManager, model: string, content: string): Promise<string> {
  let text = ''
  const messages = [{ role: 'user' as const, content }]
  for await (const chunk of manager.chat({ model, messages, temperature: 0, maxTokens: 4 })) {
    if (chunk.type === 'text') text += chunk.text
  }
  return text
}

/** Runs a program that uses the library; returns how it ended and what it printed. */
async function runProgram(code: string): Promise<{ readonly status: number | null; readonly out: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  let out = ''
  child.stdout.on('data', (data: Buffer) => (out += data.toString('utf8')))
  await once(child, 'close')
  return { status: child.exitCode, out }
}

describe('lifecycle', () => {
  test('a model is loaded, measured, answers and is given back', { timeout: 60_000 }, async () => {
    const manager = create()
    const heard = hear(manager)
    expect(await manager.loadModel('tiny')).toBe(true)
    const { system, models } = await manager.getResourceMetrics()
    expect([...models.keys()]).toEqual(['tiny'])
    expect(models.get('tiny')).toMatchObject({ status: 'ready', platform: 'local', activeRequests: 0, contextSize: 0 })
    expect(system.availableMemory).toBeLessThan(system.totalMemory)
    expect(await textOf(manager, 'tiny', 'hello')).not.toBe('')
    expect((await manager.getResourceMetrics()).models.get('tiny')?.contextSize).toBeGreaterThan(10)
    expect(await manager.unloadModel('tiny')).toBe(true)
    expect(await manager.unloadModel('tiny')).toBe(false)
    expect(heard).toEqual(['modelLoaded tiny', 'modelUnloaded tiny'])
  })

  test('an unknown model is refused by name, with what is near', async () => {
    const load = create().loadModel('tyni')
    await expect(load).rejects.toThrow(/Unknown model 'tyni'.*Did you mean tiny\?/)
    expect(await codeOf(load)).toBe('INVALID_MODEL_ID model-not-found')
  })

  test.each([[''], ['  '], [undefined], [null], [7], [{}]])('%j is no model id', async (id) => {
    expect(await codeOf(create().loadModel(id as string))).toBe('INVALID_MODEL_ID invalid-model-id')
  })

  test('with whenFull reject the limit refuses, by the guide’s words', { timeout: 60_000 }, async () => {
    const manager = create({ limits: { maxModelsLoaded: 1, whenFull: 'reject' } })
    await manager.loadModel('tiny')
    const load = manager.loadModel('other')
    await expect(load).rejects.toThrow('Maximum number of models loaded')
    expect(await codeOf(load)).toBe('RESOURCE_LIMIT_EXCEEDED model-limit-reached')
  })

  test('of max + 1 loads at once exactly one is refused', { timeout: 60_000 }, async () => {
    const manager = create({ limits: { maxModelsLoaded: 2, whenFull: 'reject' } })
    const loads = await Promise.allSettled(['tiny', 'other', 'third'].map((id) => manager.loadModel(id)))
    const refused = loads.filter((load) => load.status === 'rejected')
    expect(refused).toHaveLength(1)
    expect(refused[0]?.reason).toBeInstanceOf(ResourceError)
  })

  test('by default the idle model that was used longest ago makes room', { timeout: 60_000 }, async () => {
    const manager = create({ limits: { maxModelsLoaded: 1 } })
    const heard = hear(manager)
    await manager.loadModel('tiny')
    await manager.loadModel('other')
    expect(heard).toEqual(['modelLoaded tiny', 'modelUnloaded tiny', 'resourcesFreed', 'modelLoaded other'])
  })

  test('a size by hand is believed: more than the machine may hold is refused', async () => {
    const manager = create({ modelSizes: { tiny: 5_000_000 } })
    await expect(manager.loadModel('tiny')).rejects.toThrow('Memory limit exceeded')
  })

  test('a file that is no model fails as one, with one error event', async () => {
    await writeFile(join(home, 'models', 'broken.gguf'), tinyGguf({ architecture: 'strange' }))
    const manager = create()
    const heard = hear(manager)
    const load = manager.loadModel('broken')
    await expect(load).rejects.toThrow('MODEL_LOAD_FAILED')
    expect(await codeOf(load)).toBe('MODEL_LOAD_FAILED architecture-unsupported')
    expect(heard).toEqual(['error broken'])
  })

  test('a path is a model in this process', { timeout: 60_000 }, async () => {
    const path = join(home, 'by-path.gguf')
    await writeFile(path, tinyGguf({ name: 'path', seed: 9 }))
    const manager = create({ mode: 'embedded' })
    const heard = hear(manager)
    await manager.loadModel(path)
    expect(heard).toEqual([`modelLoaded ${path}`])
  })

  test('freeResources gives everything back, and is told once', { timeout: 60_000 }, async () => {
    const manager = create()
    await manager.loadModel('tiny')
    await manager.loadModel('other')
    const freed: string[][] = []
    manager.addEventListener((type, data) => void (type === 'resourcesFreed' && freed.push(data.unloadedModels)))
    expect(await manager.freeResources()).toEqual({ unloadedModels: ['tiny', 'other'] })
    expect(freed).toEqual([['tiny', 'other']])
    expect((await manager.getResourceMetrics()).models.size).toBe(0)
  })
})

describe('names', () => {
  test('an alias is called by its name in events and metrics', { timeout: 60_000 }, async () => {
    const manager = create({ models: { entries: { 'deepseek-r1:14b': 'tiny', 'claude-*': 'tiny' } } })
    const heard = hear(manager)
    await manager.loadModel('deepseek-r1:14b')
    expect(heard).toEqual(['modelLoaded deepseek-r1:14b'])
    expect([...(await manager.getResourceMetrics()).models.keys()]).toEqual(['deepseek-r1:14b'])
    expect(await textOf(manager, 'claude-x', 'hello')).toBe(await textOf(manager, 'tiny', 'hello'))
  })
})

describe('configuration', () => {
  test(
    'garbage names the key, the value and what is allowed, and nothing has changed',
    { timeout: 60_000 },
    async () => {
      const manager = create({ limits: { maxModelsLoaded: 1, whenFull: 'reject' } })
      const garbage = { limits: { maxModelsLoaded: 'many', memoryThreshold: 0.5 }, bufers: {} } as object
      expect(() => manager.configure(garbage)).toThrow(/limits\.maxModelsLoaded.*many/s)
      expect(() => manager.configure(garbage)).toThrow(/bufers.*buffers/s)
      await manager.loadModel('tiny')
      expect(() => manager.configure({ limits: { maxModelsLoaded: -3 } })).toThrow(ResourceError)
      expect(await codeOf(manager.loadModel('other'))).toBe('RESOURCE_LIMIT_EXCEEDED model-limit-reached')
    },
  )

  test('a change is in force at once, for models that are loaded, too', { timeout: 60_000 }, async () => {
    const manager = create({ limits: { maxModelsLoaded: 1, whenFull: 'reject' } })
    await manager.loadModel('tiny')
    manager.configure({ limits: { maxModelsLoaded: 2 } })
    await manager.loadModel('other')
    const gone = new Promise<string>((resolve) => {
      manager.addEventListener((type, data) => void (type === 'modelUnloaded' && resolve(data.reason)))
    })
    manager.configure({ limits: { inactivityTimeout: 200 } })
    expect(await gone).toBe('idle')
  })

  test('the constructor checks, too', () => {
    expect(() => new ResourceManager({ limits: { memoryThreshold: 2 } })).toThrow(/limits\.memoryThreshold/)
    expect(() => createResourceManager({ mode: 'sideways' as 'auto' })).toThrow(/mode.*sideways/)
    expect(() => createResourceManager(null as unknown as ResourceManagerOptions)).toThrow(ResourceError)
  })
})

describe('memory by hand', () => {
  test('is promised where it is free, and refused where the machine has not so much', async () => {
    const manager = create()
    expect(await manager.allocateMemory({ modelId: 'tiny', required: 10, preferred: 20 })).toBe(true)
    expect(await manager.allocateMemory({ modelId: 'tiny', required: 1e9, preferred: 1e9 })).toBe(false)
    expect(await codeOf(manager.allocateMemory({ modelId: 'none', required: 1, preferred: 1 }))).toBe(
      'INVALID_MODEL_ID model-not-found',
    )
    expect(await codeOf(manager.allocateMemory({ modelId: 'tiny', required: NaN, preferred: 1 }))).toBe(
      'SYSTEM_ERROR invalid-request',
    )
  })
})

describe('conversations and contexts', () => {
  test('an answer says where it is kept, and the next turn goes on there', { timeout: 60_000 }, async () => {
    const manager = create()
    const ids: (string | undefined)[] = []
    const messages: { role: 'user' | 'assistant'; content: string }[] = [{ role: 'user', content: 'first' }]
    for (const next of ['second', 'third']) {
      let answer = ''
      for await (const chunk of manager.chat({ model: 'tiny', messages, temperature: 0, maxTokens: 3 })) {
        if (chunk.type === 'text') answer += chunk.text
        if (chunk.type === 'end') ids.push(chunk.conversationId)
      }
      messages.push({ role: 'assistant', content: answer }, { role: 'user', content: next })
    }
    expect(ids[0]).toMatch(/^conv_/)
    expect(ids[1]).toBe(ids[0])
  })

  test('a context that was kept is taken up by the next process', { timeout: 60_000 }, async () => {
    const limits = { maxTokens: 500, contextWindow: 1_000 }
    const first = create()
    await first.initializeContext('tiny', limits)
    await expect(first.initializeContext('tiny', limits)).rejects.toThrow('Context already exists for model: tiny')
    await first.addMessage('tiny', { role: 'user', content: 'remember me' })
    first.destroy()
    const second = create()
    expect((await second.initializeContext('tiny', limits)).messages).toMatchObject([{ content: 'remember me' }])
    await expect(second.addMessage('tiny', { role: 'user', content: ' ' })).rejects.toThrow(
      'Message content cannot be empty',
    )
    await second.removeContext('tiny')
    expect(await second.getContext('tiny')).toBeUndefined()
    await expect(second.removeContext('tiny')).rejects.toThrow('Cannot remove non-existent context: tiny')
  })
})

describe('beside others', () => {
  test('a second manager of the same state folder uses the first: one ledger', { timeout: 60_000 }, async () => {
    const [first, second] = [create(), create()]
    const heard = hear(second)
    await first.loadModel('tiny')
    expect((await second.getResourceMetrics()).models.get('tiny')?.status).toBe('ready')
    await second.loadModel('other')
    expect(heard).toContain('modelLoaded other')
    expect((await first.getResourceMetrics()).models.size).toBe(2)
    expect(await textOf(second, 'tiny', 'hello')).toBe(await textOf(first, 'tiny', 'hello'))
    const messages = [{ role: 'user' as const, content: 'how many?' }]
    expect(await second.countTokens({ model: 'tiny', messages })).toEqual(
      await first.countTokens({ model: 'tiny', messages }),
    )
    expect((await second.embed({ model: 'tiny', input: 'x' })).embeddings).toHaveLength(1)
    expect(await second.allocateMemory({ modelId: 'third', required: 1, preferred: 1 })).toBe(true)
    second.configure({ limits: { maxModelsLoaded: 2, whenFull: 'reject' } })
    expect(await codeOf(second.loadModel('third'))).toBe('RESOURCE_LIMIT_EXCEEDED model-limit-reached')
    expect(await codeOf(second.loadModel(join(home, 'models', 'tiny.gguf')))).toBe('INVALID_MODEL_ID invalid-model-id')
  })

  test('when the one that served is gone, the next call serves itself', { timeout: 60_000 }, async () => {
    const [first, second] = [create(), create()]
    await first.loadModel('tiny')
    await second.getResourceMetrics()
    first.destroy()
    expect(await second.loadModel('tiny')).toBe(true)
  })

  test('connect wants a running one, embedded wants none', { timeout: 60_000 }, async () => {
    expect(await codeOf(create({ mode: 'connect' }).getResourceMetrics())).toBe('SYSTEM_ERROR daemon-unreachable')
    await create({ mode: 'embedded' }).getResourceMetrics()
    expect(await codeOf(create({ mode: 'embedded' }).getResourceMetrics())).toBe('SYSTEM_ERROR instance-running')
    await create({ mode: 'connect' }).getResourceMetrics()
  })
})

describe('the process', () => {
  test('importing reads, opens and starts nothing, and the process ends by itself', async () => {
    const nowhere = join(home, 'never')
    const { status, out } = await runProgram(`
      process.env.GRYM_HOME = ${JSON.stringify(nowhere)}
      process.env.GRYM_MAX_MODELS_LOADED = 'garbage'
      const { resourceManager, createResourceManager } = await import(${JSON.stringify(INDEX)})
      createResourceManager()
      resourceManager.addEventListener(() => {})
      process.stdout.write(process.getActiveResourcesInfo().filter((name) => name !== 'PipeWrap').join())`)
    expect([status, out]).toEqual([0, ''])
    expect(existsSync(nowhere)).toBe(false)
  })

  test('after destroy nothing is left running, and every call says why', { timeout: 60_000 }, async () => {
    const { status, out } = await runProgram(`
      const { createResourceManager } = await import(${JSON.stringify(INDEX)})
      const manager = createResourceManager({ home: ${JSON.stringify(home)} })
      manager.addEventListener(() => {})
      await manager.loadModel('tiny')
      const { models } = await manager.getResourceMetrics()
      const answer = manager.chat({ model: 'tiny', messages: [{ role: 'user', content: 'x' }], maxTokens: 500 })
      await answer.next()
      const over = answer.next().then(() => 'more', (error) => error.reason)
      manager.destroy()
      manager.destroy()
      process.stdout.write(JSON.stringify([models.size, await over, await manager.loadModel('tiny').catch((error) => error.reason)]))`)
    expect([status, JSON.parse(out)]).toEqual([0, [1, 'request-cancelled', 'shutting-down']])
    const workers = JSON.parse(await readFile(join(home, 'state', 'workers.json'), 'utf8')) as object
    for (const pid of Object.keys(workers)) expect(existsSync(`/proc/${pid}/exe`)).toBe(false)
    expect(existsSync(join(home, 'daemon.json'))).toBe(false)
  })

  test('without destroy the process ends, too, and its engines with it', { timeout: 60_000 }, async () => {
    const { status, out } = await runProgram(`
      const { createResourceManager } = await import(${JSON.stringify(INDEX)})
      const manager = createResourceManager({ home: ${JSON.stringify(home)} })
      manager.addEventListener(() => {})
      await manager.loadModel('tiny')
      process.stdout.write('loaded')`)
    expect([status, out]).toEqual([0, 'loaded'])
  })
})
