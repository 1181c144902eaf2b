import { mkdir, mkdtemp, open as openFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createResourceManager, type ResourceManager, type ResourceManagerEvent } from '../src/index.ts'
import { tinyGguf } from '../src/testing/tiny-gguf.ts'

/*
 * The guide's `moveToCache`, in this process, with the real engine and the real files.
 */

const LONG = 'All about the sea and the ships that sail on it, from the first to the last. '.repeat(10)

let home = ''
let library: ResourceManager
const heard: ResourceManagerEvent[] = []

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'grym-kv-library-'))
  await mkdir(join(home, 'models'))
  await writeFile(join(home, 'models', 'tiny.gguf'), tinyGguf())
  library = createResourceManager({ home, mode: 'embedded', kvcache: { minTokens: 16 } })
  library.addEventListener((...event) => void heard.push(event))
})

afterAll(async () => {
  library.destroy()
  // Engines that are ending still sign off in the folder: it is looked at again when something was added meanwhile.
  await rm(home, { recursive: true, force: true, maxRetries: 10 })
})

/** Says something new, so that there is something to save. */
async function say(content: string): Promise<void> {
  const messages = [{ role: 'user' as const, content: `${content} ${LONG}` }]
  for await (const chunk of library.chat({ model: 'tiny', messages, maxTokens: 2, temperature: 0 })) void chunk
}

async function loadedFromCache(): Promise<boolean | undefined> {
  await library.loadModel('tiny')
  const [type, data] = heard.findLast(([name]) => name === 'modelLoaded') ?? []
  return type === 'modelLoaded' ? data?.fromCache : undefined
}

test(
  'shapes, units and events are the guide’s; the load that follows comes from the cache',
  { timeout: 120_000 },
  async () => {
    await say('First.')
    const result = await library.moveToCache('tiny')
    expect(Object.keys(result)).toEqual(['modelId', 'cachePath', 'metrics'])
    const { beforeSize, afterSize, savedMemory } = result.metrics
    expect(result).toMatchObject({ modelId: 'tiny', metrics: { afterSize: 0 } })
    expect(result.cachePath).toMatch(/^\/.*\/\.cache\/models\/tiny-\d+\.cache$/)
    expect((await stat(result.cachePath)).mode & 0o777).toBe(0o600)
    // A process of an engine, in MB.
    expect(beforeSize).toBeGreaterThan(20)
    expect(beforeSize).toBeLessThan(1_000)
    expect(savedMemory).toBe(beforeSize - afterSize)
    expect(heard.find(([type]) => type === 'modelCached')).toEqual(['modelCached', { type: 'modelCached', ...result }])
    expect((await library.getResourceMetrics()).models.has('tiny')).toBe(false)
    expect(await loadedFromCache()).toBe(true)
  },
)

test('after its time it is a load like any other', { timeout: 120_000 }, async () => {
  await say('Second.')
  await library.moveToCache('tiny', { ttl: 1, priority: 'low' })
  await new Promise((resolve) => setTimeout(resolve, 5))
  expect(await loadedFromCache()).toBe(false)
})

test('a damaged file is told once, and the model is loaded all the same', { timeout: 120_000 }, async () => {
  await say('Third.')
  const { cachePath } = await library.moveToCache('tiny')
  const file = await openFile(cachePath, 'r+')
  await file.write(Buffer.from([0xff, 0x00, 0xff, 0x00]), 0, 4, 4_096)
  await file.close()
  heard.length = 0
  expect(await loadedFromCache()).toBe(false)
  const errors = heard.filter(([type]) => type === 'error').map(([, data]) => data)
  expect(errors).toMatchObject([{ reason: 'cache-operation-failed', recoverable: false, modelId: 'tiny' }])
  await say('Fourth.')
})

test('what was said just before the end is not read again afterwards', { timeout: 120_000 }, async () => {
  const answers: (number | undefined)[] = []
  for (const content of ['Fifth.', 'Fifth.']) {
    const messages = [{ role: 'user' as const, content: `${content} ${LONG}` }]
    for await (const chunk of library.chat({ model: 'tiny', messages, maxTokens: 2, temperature: 0 })) {
      if (chunk.type === 'end') answers.push(chunk.usage.cachedTokens ?? undefined)
    }
    // Sooner than a quiet moment saves it; who asks next waits until that is over.
    library.destroy()
    library = createResourceManager({ home, mode: 'embedded', kvcache: { minTokens: 16 } })
  }
  const [first = 0, second = 0] = answers
  expect(second).toBeGreaterThan(first + 100)
})
