import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { EmbeddedGround, localModel } from '../../../test/support/embedded-ground.ts'
import { FolderStateCache } from '../../../test/support/folder-state-cache.ts'
import type { GenerateEnd, GenerateRequest } from '../../spec/chat.ts'
import type { Clock } from '../../spec/clock.ts'
import { toErrorData } from '../../spec/errors.ts'
import type { ModelDefinition } from '../../spec/model.ts'
import type { StateAccess } from '../../spec/provider.ts'
import type { OpenState } from '../../spec/state-cache.ts'
import { fileSha256 } from '../../system/file-digest.ts'
import { SystemClock } from '../../system/system-clock.ts'
import { tinyGguf, type TinyModel } from '../../testing/tiny-gguf.ts'
import type { EmbeddedProvider } from './embedded-provider.ts'

/*
 * States on disk with the real engine in its own process, on generated models whose answers hang on all that was said. With one
 * token to say, a slot holds its prompt and nothing else afterwards.
 */

const KINDS: readonly TinyModel[] = ['llama', 'gemma3', 'mamba', 'granitehybrid']
const LONG = 'a long sentence about nothing at all, said once more. '.repeat(6)
const [FIRST, OTHER] = [`one. ${LONG}`, `another. ${LONG}`]
/** Every state is worth looking for: a machine that is not busy reads these texts as fast as it restores them. */
const KEEPING = { digestOf: fileSha256, restoreCostMs: 0 }

vi.setConfig({ testTimeout: 90_000 })

/** What may take 50 ms gets 3 s: on a machine that is busy with other tests all of them would be refused now and then. */
const clock = new SystemClock()
const patient: Clock = {
  nowMs: () => clock.nowMs(),
  setTimer: (delayMs, run) => clock.setTimer(delayMs === 50 ? 3_000 : delayMs, run),
}

let folder = ''
const paths = new Map<string, string>()
let ground: EmbeddedGround
let provider: EmbeddedProvider
let cache: FolderStateCache

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'grym-states-'))
  for (const kind of KINDS) {
    paths.set(kind, join(folder, `${kind}.gguf`))
    await writeFile(join(folder, `${kind}.gguf`), tinyGguf({ model: kind, isEndless: true, spread: 0.3 }))
  }
})

afterAll(() => rm(folder, { recursive: true, force: true }))

beforeEach(async () => {
  const statesFolder = join(folder, 'states')
  await rm(statesFolder, { recursive: true, force: true })
  await mkdir(statesFolder)
  cache = new FolderStateCache(statesFolder)
  ground = new EmbeddedGround(folder, paths, { clock: patient, stateCache: cache, ...KEEPING })
  provider = ground.provider
})

afterEach(async () => {
  await provider.dispose()
  expect(cache.held).toBe(0)
})

interface Said {
  readonly text: string
  readonly logprobs: readonly number[]
  readonly end: GenerateEnd
}

const never = (): AbortSignal => new AbortController().signal
const owned = { stateOwner: { owner: 'local', conversationId: 'c1' } }

async function say(kind: string, prompt: string, changes: Partial<GenerateRequest> = owned): Promise<Said> {
  const request: GenerateRequest = {
    messages: [],
    completion: { prompt },
    sampling: { temperature: 0 },
    maxTokens: 12,
    topLogprobs: 1,
    stop: [],
    ...changes,
  }
  let text = ''
  const logprobs: number[] = []
  for await (const chunk of provider.generate(kind, request, never())) {
    if (chunk.type === 'end') return { text, logprobs, end: chunk }
    if (chunk.type !== 'text') continue
    text += chunk.text
    logprobs.push(...(chunk.logprobs ?? []).map(({ logprob }) => logprob))
  }
  throw new Error('no end')
}

/** Reads a prompt and says one token: the slot holds the prompt then. */
const read = (kind: string, prompt: string, changes: Partial<GenerateRequest> = owned): Promise<Said> =>
  say(kind, prompt, { ...changes, maxTokens: 1 })

function states(): StateAccess {
  if (!provider.states) throw new Error('the provider keeps no states')
  return provider.states
}

const load = (kind: string, changes: Partial<ModelDefinition> = {}): Promise<unknown> =>
  provider.load({ ...localModel(kind, kind), ...changes }, never())

async function reload(kind: string, changes: Partial<ModelDefinition> = {}): Promise<void> {
  await states().save(kind, 'unload')
  await provider.unload(kind)
  await load(kind, changes)
}

test.each(KINDS)('what follows a restored state of %s is what followed it before, to the last bit', async (kind) => {
  await load(kind)
  const first = await read(kind, FIRST)
  await states().save(kind, 'unload')
  const warm = await say(kind, `${FIRST}And then?`)
  await provider.unload(kind)
  await load(kind)
  const back = await say(kind, `${FIRST}And then?`)
  expect([back.text, back.logprobs]).toEqual([warm.text, warm.logprobs])
  const tokens = first.end.usage.promptTokens
  expect([back.end.usage.cachedTokens, back.end.restored?.tokens]).toEqual([tokens, tokens])
  expect(back.end.restored?.savedMs).toBeGreaterThanOrEqual(0)
  expect([cache.gains, cache.rejections]).toEqual([[back.end.restored], []])
})

test('a branch goes on from what it has in common with a saved state', async () => {
  await load('llama')
  await read('llama', `${FIRST}And then?`)
  await states().save('llama', 'unload')
  const warm = await say('llama', `${FIRST}Something else`)
  await provider.unload('llama')
  await load('llama')
  const branch = await say('llama', `${FIRST}Something else`)
  expect([branch.text, branch.logprobs]).toEqual([warm.text, warm.logprobs])
  expect(branch.end.restored?.tokens).toBe(warm.end.usage.cachedTokens)
  expect(branch.end.restored?.tokens).toBeGreaterThanOrEqual(FIRST.length)
})

test.each(['gemma3', 'mamba'] as const)('a branch of %s, whose state cannot be cut, is read anew', async (kind) => {
  await load(kind)
  const anew = await say(kind, `${FIRST}Something else`, {})
  await provider.unload(kind)
  await load(kind)
  await read(kind, `${FIRST}And then?`)
  await reload(kind)
  const branch = await say(kind, `${FIRST}Something else`)
  expect([branch.text, branch.end.restored, branch.end.usage.cachedTokens]).toEqual([anew.text, undefined, 0])
  expect(cache.queries.map(({ mustBeWhole }) => mustBeWhole)).toEqual([true, true])
})

test('windows and ids may differ; KV type, owner and weights may not', async () => {
  await load('llama')
  await read('llama', FIRST)
  const own = localModel('llama', 'llama')
  await reload('llama', { contextTokens: 2_048 })
  const other = { stateOwner: { owner: 'somebody else' } }
  expect((await read('llama', `${FIRST}!`, other)).end.restored).toBeUndefined()
  await provider.unload('llama')
  await load('llama', { contextTokens: 2_048 })
  expect((await read('llama', `${FIRST}!`)).end.restored?.tokens).toBeGreaterThan(FIRST.length)
  await provider.unload('llama')
  await load('llama', { engine: { ...own.engine, kvType: 'f32' } })
  expect((await read('llama', `${FIRST}!`)).end.restored).toBeUndefined()
  await load('mamba')
  expect((await read('mamba', `${FIRST}!`)).end.restored).toBeUndefined()
  const keys = cache.queries.map(({ key }) => key)
  expect(new Set(keys.map(({ kvType }) => kvType))).toEqual(new Set(['f16', 'f32']))
  expect(keys[0]).toMatchObject({ sequences: 1, adapters: '', weights: await fileSha256(paths.get('llama') ?? '') })
})

test('what the cache hands out is looked at before it reaches the engine', async () => {
  await load('llama')
  const anew = await say('llama', `${FIRST}And then?`, {})
  await read('llama', OTHER, {})
  await read('llama', FIRST)
  await states().save('llama', 'unload')
  cache.beforeBegin = async () => ({ refused: 'disabled', message: 'one state is enough' })
  const [entry] = cache.entries
  if (!entry) throw new Error('nothing was saved')
  const letter = join(cache.folder, 'letter')
  await writeFile(letter, 'Dear engine, this is a letter.')
  const cut = join(cache.folder, 'cut')
  await writeFile(cut, (await readFile(entry.path)).subarray(0, 100))
  const offers: readonly [Partial<OpenState>, RegExp][] = [
    [{ tokens: entry.tokens.slice(0, -1) }, /other tokens/],
    [{ tokens: Uint32Array.from([5, 6, 7]) }, /0 tokens in common/],
    [{ path: letter }, /not a state/],
    [{ path: cut }, /ends within its tokens/],
    [{ path: join(cache.folder, 'gone') }, /ENOENT/],
  ]
  for (const [offered, reason] of offers) {
    await read('llama', OTHER, {})
    cache.offered = offered
    const { text, end } = await say('llama', `${FIRST}And then?`)
    expect([text, end.restored, end.usage.cachedTokens]).toEqual([anew.text, undefined, expect.any(Number)])
    expect(end.usage.cachedTokens).toBeLessThan(10)
    expect(cache.rejections.splice(0)).toEqual([expect.stringMatching(reason)])
  }
  await read('llama', OTHER, {})
  cache.offered = undefined
  expect((await say('llama', `${FIRST}And then?`)).end.restored?.tokens).toBeGreaterThan(FIRST.length - 10)
  expect(ground.running.size).toBe(1)
})

describe('a slot that another conversation needs', () => {
  test('is saved first, and its conversation comes back from disk', async () => {
    await load('llama')
    const first = await say('llama', FIRST)
    await say('llama', OTHER)
    expect(cache.begun.map(({ reason }) => reason)).toEqual(['displaced'])
    await expect.poll(() => cache.entries.length).toBe(1)
    const back = await say('llama', `${FIRST}And then?`)
    expect(back.end.restored?.tokens).toBeGreaterThan(FIRST.length - 10)
    expect(back.end.usage.cachedTokens).toBeGreaterThanOrEqual(first.end.usage.promptTokens)
    expect(back.text).toBe((await say('llama', `${FIRST}And then?`)).text)
    expect(cache.begun.map(({ reason }) => reason)).toEqual(['displaced', 'displaced'])
  })

  test('is overwritten where there is no place for its state, or nobody may keep it', async () => {
    cache.beforeBegin = async () => ({ refused: 'write-budget', message: 'too much was written' })
    await load('llama')
    await say('llama', FIRST)
    expect((await say('llama', OTHER, {})).end.usage.cachedTokens).toBeLessThan(10)
    expect(cache.begun).toHaveLength(1)
    await say('llama', FIRST)
    expect(cache.begun).toHaveLength(1)
  })

  test('waits no longer than it may for the answer whether to save', async () => {
    let answer = (): void => {}
    cache.beforeBegin = (path) => new Promise((resolve) => (answer = () => resolve(path)))
    await load('llama')
    await say('llama', FIRST)
    expect((await say('llama', OTHER)).end.usage.generatedTokens).toBe(12)
    answer()
    await expect.poll(() => cache.abandoned).toBe(1)
    expect(cache.entries).toEqual([])
  })
})

describe('what is kept', () => {
  test('is nothing of a request without an owner, nor what was said to it', async () => {
    await load('llama')
    await say('llama', FIRST, {})
    expect(await states().save('llama', 'shutdown')).toEqual([])
    await say('llama', OTHER, {})
    expect([cache.begun, cache.queries]).toEqual([[], []])
  })

  test('belongs to the last one that asked: all that is held was its prompt', async () => {
    await load('llama')
    await read('llama', FIRST, {})
    await read('llama', `${FIRST}And then?`, { stateOwner: { owner: 'b', conversationId: 'c2' } })
    await states().save('llama', 'unload')
    expect(cache.begun.map(({ owner }) => owner)).toEqual([{ owner: 'b', conversationId: 'c2' }])
    expect(cache.entries[0]?.tokens).toHaveLength(cache.begun[0]?.tokens ?? 0)
  })

  test('is saved once, and again when it has grown; a move to the cache takes all of it', async () => {
    await load('llama')
    const { end } = await read('llama', FIRST)
    const saved = await states().save('llama', 'unload')
    expect(saved.map(({ tokens, modelId }) => [tokens, modelId])).toEqual([[end.usage.promptTokens, 'llama']])
    expect(await states().save('llama', 'shutdown')).toEqual([])
    expect(await states().save('llama', 'cache')).toHaveLength(1)
    await read('llama', `${FIRST}And then?`)
    expect(await states().save('llama', 'unload')).toHaveLength(1)
    const unsaved = cache.begun.map(({ unsavedTokens }) => unsavedTokens)
    expect(unsaved).toEqual([end.usage.promptTokens, end.usage.promptTokens, 'And then?'.length])
  })

  test('is saved by itself after an answer', async () => {
    await load('llama')
    await say('llama', FIRST)
    await expect.poll(() => cache.entries.length, { timeout: 10_000 }).toBe(1)
    expect(cache.begun).toMatchObject([{ reason: expect.stringMatching(/^(rhythm|displaced)$/), canBeCut: true }])
    expect(Math.abs((cache.begun[0]?.expectedBytes ?? 0) / (cache.entries[0]?.bytes ?? 1) - 1)).toBeLessThan(0.05)
  })

  test('is what a slot holds after the answers that were on the way', async () => {
    await load('llama')
    const answers = [say('llama', FIRST), say('llama', OTHER)]
    const saved = states().save('llama', 'unload')
    const said = await Promise.all(answers)
    expect(said.map(({ end }) => end.usage.generatedTokens)).toEqual([12, 12])
    expect((await saved).length).toBeLessThanOrEqual(1)
    await states().save('llama', 'shutdown')
    await expect.poll(() => cache.entries.length).toBe(2)
  })
})

describe('a slot is filled before it is asked for', () => {
  test('with what was saved, and the first answer tells what that spared', async () => {
    await load('llama')
    await read('llama', FIRST)
    const [saved] = await states().save('llama', 'cache')
    await provider.unload('llama')
    await load('llama')
    expect(await states().restore('llama', [saved?.entryId ?? '', 'unknown', saved?.entryId ?? ''])).toBe(saved?.tokens)
    const { end } = await say('llama', `${FIRST}And then?`)
    expect([end.usage.cachedTokens, end.restored?.tokens]).toEqual([saved?.tokens, saved?.tokens])
    expect(cache.gains).toEqual([end.restored])
    // The one before anything was saved.
    expect(cache.queries).toHaveLength(1)
  })

  test('but not with what its file does not hold', async () => {
    await load('llama')
    await read('llama', FIRST)
    const [saved] = await states().save('llama', 'cache')
    await provider.unload('llama')
    await load('llama')
    cache.offered = { tokens: Uint32Array.from([1, 2, 3]) }
    expect(await states().restore('llama', [saved?.entryId ?? ''])).toBe(0)
    expect(cache.rejections).toEqual([expect.stringMatching(/other tokens/)])
    expect((await say('llama', FIRST)).end.usage.cachedTokens).toBe(0)
  })
})

test('a short prompt is not looked for', async () => {
  await load('llama')
  await read('llama', LONG.slice(0, 40))
  await read('llama', `other ${LONG.slice(0, 108)}`)
  expect(cache.queries).toHaveLength(1)
})

test('a request that is cancelled while its state is looked for leaves nothing open', async () => {
  await load('llama')
  await read('llama', FIRST)
  await reload('llama')
  const searching = Promise.withResolvers<void>()
  const found = Promise.withResolvers<void>()
  cache.beforeFind = () => {
    searching.resolve()
    return found.promise
  }
  const stop = new AbortController()
  const request = {
    messages: [],
    completion: { prompt: `${FIRST}!` },
    sampling: { temperature: 0 },
    stop: [],
    ...owned,
  }
  const answer = provider.generate('llama', request, stop.signal)[Symbol.asyncIterator]().next()
  await searching.promise
  stop.abort()
  await expect(answer).rejects.toMatchObject({ reason: 'request-cancelled' })
  cache.beforeFind = async () => {}
  // The slot is free although the search still goes on.
  expect((await say('llama', 'something short', {})).end.usage.generatedTokens).toBe(12)
  found.resolve()
  await expect.poll(() => cache.held).toBe(0)
})

describe('a save that fails leaves nothing', () => {
  test('because the disk is full', async () => {
    cache.beforeBegin = async () => '/dev/full'
    await load('llama')
    await say('llama', FIRST)
    expect(await states().save('llama', 'unload')).toEqual([])
    expect([cache.abandoned, cache.entries.length, ground.running.size]).toEqual([1, 0, 1])
    expect((await say('llama', OTHER)).end.usage.generatedTokens).toBe(12)
  })

  test.each(['unload', 'displaced'] as const)('because its engine was killed within it: %s', async (reason) => {
    const pipe = join(folder, 'states', 'pipe')
    await promisify(execFile)('mkfifo', [pipe])
    const begun = Promise.withResolvers<void>()
    cache.beforeBegin = async () => {
      begun.resolve()
      // Whoever writes into it waits for a reader, and there is none.
      return pipe
    }
    await load('llama')
    await say('llama', FIRST)
    const work = reason === 'unload' ? states().save('llama', 'unload') : say('llama', OTHER)
    const outcome = work.catch((error: unknown) => toErrorData(error).reason)
    await begun.promise
    await expect.poll(() => cache.held).toBe(1)
    ground.signalAll('SIGKILL')
    expect(await outcome).toEqual(reason === 'unload' ? [] : 'engine-lost')
    await expect.poll(() => [cache.held, cache.abandoned, cache.entries.length]).toEqual([0, 1, 0])
    await load('llama')
    expect((await say('llama', OTHER)).end.usage.generatedTokens).toBe(12)
  })
})

test('without a cache a provider has no states to take anywhere', async () => {
  const plain = new EmbeddedGround(folder, paths)
  expect(plain.provider.states).toBeUndefined()
  await plain.provider.dispose()
})
