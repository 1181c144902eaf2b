import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createResourceManager, type ChatRequest, type ResourceManager } from '../src/index.ts'
import { tinyGguf } from '../src/testing/tiny-gguf.ts'

/*
 * Answers of the library that end before their time, with the real engine: in this process, and beside another one.
 */

let home = ''
const open: ResourceManager[] = []

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'grym-library-chat-'))
  await mkdir(join(home, 'models'))
  await writeFile(join(home, 'models', 'tiny.gguf'), tinyGguf())
})

// Engines that are ending still sign off in the folder: it is looked at again when something was added meanwhile.
afterAll(() => rm(home, { recursive: true, force: true, maxRetries: 10 }))

afterEach(() => {
  for (const manager of open.splice(0)) manager.destroy()
})

/** A manager that runs the models itself, or one that uses such a one. */
async function create(where: 'here' | 'beside'): Promise<ResourceManager> {
  const first = createResourceManager({ home })
  open.push(first)
  await first.loadModel('tiny')
  if (where === 'here') return first
  const second = createResourceManager({ home, mode: 'connect' })
  open.push(second)
  return second
}

/** An answer that would go on for long. */
function longRequest(signal?: AbortSignal): ChatRequest {
  const messages = [{ role: 'user' as const, content: 'go on' }]
  return { model: 'tiny', messages, temperature: 1, seed: 3, maxTokens: 1_800, ...(signal && { signal }) }
}

async function activeRequests(manager: ResourceManager): Promise<number | undefined> {
  return (await manager.getResourceMetrics()).models.get('tiny')?.activeRequests
}

describe.each(['here', 'beside'] as const)('%s', (where) => {
  test('leaving the loop early frees the model, which then answers the next one', { timeout: 60_000 }, async () => {
    const manager = await create(where)
    for await (const chunk of manager.chat(longRequest())) {
      expect(chunk.type).toBe('text')
      break
    }
    await expect.poll(() => activeRequests(manager)).toBe(0)
    const chunks: string[] = []
    for await (const { type } of manager.chat({ ...longRequest(), maxTokens: 2 })) chunks.push(type)
    expect(chunks.at(-1)).toBe('end')
  })

  test('its own signal cancels an answer and frees the model', { timeout: 60_000 }, async () => {
    const manager = await create(where)
    const leaving = new AbortController()
    const chunks = manager.chat(longRequest(leaving.signal))
    expect((await chunks.next()).value).toMatchObject({ type: 'text' })
    leaving.abort()
    const rest = (async () => {
      for await (const chunk of chunks) if (chunk.type === 'end') return chunk.finishReason
    })()
    await expect(rest).rejects.toMatchObject({ name: 'ResourceError', reason: 'request-cancelled' })
    await expect.poll(() => activeRequests(manager)).toBe(0)
  })

  test('unloading a model lets the answer that is under way come to its end', { timeout: 60_000 }, async () => {
    const manager = await create(where)
    const chunks = manager.chat({ ...longRequest(), maxTokens: 40 })
    await chunks.next()
    const unloaded = manager.unloadModel('tiny')
    const rest: string[] = []
    for await (const { type } of chunks) rest.push(type)
    expect(rest.at(-1)).toBe('end')
    expect(await unloaded).toBe(true)
    expect((await manager.getResourceMetrics()).models.size).toBe(0)
  })

  test('a change of the configuration is in force for the next call', { timeout: 60_000 }, async () => {
    const manager = await create(where)
    const ids: (string | undefined)[] = []
    for (const keep of [true, false, true]) {
      manager.configure({ conversations: { keep } })
      for await (const chunk of manager.chat({ ...longRequest(), maxTokens: 2 })) {
        if (chunk.type === 'end') ids.push(chunk.conversationId)
      }
    }
    expect(ids).toEqual([expect.stringMatching(/^conv_/), undefined, expect.stringMatching(/^conv_/)])
  })
})
