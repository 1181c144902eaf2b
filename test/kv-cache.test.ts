import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { GrymEvent } from '../src/spec/events.ts'
import { tinyGguf } from '../src/testing/tiny-gguf.ts'
import { Daemon } from './support/daemon.ts'

/*
 * A conversation that does not pay twice: its model leaves memory in every way there is, and its next turn goes on from what
 * was saved. On a tiny model, with real processes.
 */

interface Message {
  readonly role: string
  readonly content: string
}

interface Turn {
  readonly text: string
  readonly conversationId: string
  readonly restoredTokens: number
  readonly promptTokens: number
  readonly headers: Headers
}

const LONG = 'All about the sea and the ships that sail on it, from the first to the last. '.repeat(10)

let models = ''
let home = ''
let daemon: Daemon
const messages: Message[] = []
const noted: GrymEvent[] = []

beforeAll(async () => {
  models = await mkdtemp(join(tmpdir(), 'grym-models-'))
  await writeFile(join(models, 'tiny.gguf'), tinyGguf())
  home = await mkdtemp(join(tmpdir(), 'grym-kv-'))
  daemon = await start()
})

afterAll(async () => {
  await daemon[Symbol.asyncDispose]()
  for (const folder of [home, models]) await rm(folder, { recursive: true, force: true })
})

async function start(): Promise<Daemon> {
  const env = { GRYM_KVCACHE_MIN_TOKENS: '16' }
  const started = await Daemon.start({ models, home, env, flags: ['--default-model', 'tiny'] })
  void follow(started)
  return started
}

async function follow({ client }: Daemon): Promise<void> {
  try {
    for await (const event of client.events()) noted.push(event)
  } catch (error) {
    // It ends with its daemon.
    if (!(error instanceof Error)) throw error
  }
}

/** The conversation goes on by one turn. */
async function say(content: string): Promise<Turn> {
  messages.push({ role: 'user', content })
  const body = { model: 'tiny', messages, temperature: 0, max_tokens: 8 }
  const response = await daemon.post('/v1/chat/completions', body)
  expect(response.status).toBe(200)
  const answer = (await response.json()) as {
    readonly choices: readonly [{ readonly message: Message }]
    readonly usage: { readonly prompt_tokens: number; readonly grym: { readonly restored_tokens?: number } }
  }
  const text = answer.choices[0].message.content
  messages.push({ role: 'assistant', content: text })
  const restoredTokens = answer.usage.grym.restored_tokens ?? 0
  expect(response.headers.get('x-grym-restored-tokens') ?? '0').toBe(String(restoredTokens))
  const conversationId = response.headers.get('x-grym-conversation') ?? ''
  return { text, conversationId, restoredTokens, promptTokens: answer.usage.prompt_tokens, headers: response.headers }
}

function cacheFolder(): string {
  return join(home, '.cache', 'models')
}

async function stateFiles(): Promise<string[]> {
  return (await readdir(cacheFolder())).filter((name) => name.endsWith('.cache'))
}

async function savedTokens(): Promise<number> {
  const { entries } = await daemon.client.cacheEntries()
  return Math.max(0, ...entries.map(({ tokens }) => tokens))
}

test('moved to the cache and loaded again, it goes on from there', { timeout: 120_000 }, async () => {
  await say(LONG)
  const receipt = await daemon.client.moveToCache('tiny')
  expect(receipt).toMatchObject({ modelId: 'tiny', wasLoaded: true, states: 1, afterBytes: 0 })
  expect(receipt.cachePath).toMatch(/^\/.*\/\.cache\/models\/tiny-\d+\.cache$/)
  expect(receipt.beforeBytes).toBeGreaterThan(1_000_000)
  expect(receipt.savedBytes).toBe(receipt.beforeBytes)
  expect(receipt.tokens).toBeGreaterThan(256)
  expect(await stateFiles()).toHaveLength(1)
  await daemon.client.load('tiny')
  await expect
    .poll(() => noted.filter(({ type }) => type === 'modelLoaded' || type === 'modelCached'))
    .toMatchObject([
      { type: 'modelLoaded', data: { fromCache: false } },
      { type: 'modelCached', data: { modelId: 'tiny', cachePath: receipt.cachePath, savedBytes: receipt.savedBytes } },
      { type: 'modelLoaded', data: { fromCache: true } },
    ])
  const next = await say('And then?')
  expect(next.restoredTokens).toBeGreaterThanOrEqual(256)
  await expect
    .poll(() => noted.findLast(({ type }) => type === 'requestFinished'))
    .toMatchObject({
      data: { restored: { tokens: next.restoredTokens } },
    })
  const { kvcache, lastRestore } = await daemon.client.status()
  expect(kvcache).toMatchObject({ isEnabled: true, totals: { restores: 1, restoredTokens: next.restoredTokens } })
  expect(lastRestore).toMatchObject({ modelId: 'tiny', tokens: next.restoredTokens, promptTokens: next.promptTokens })
})

test('a load that does not come from the cache says so', { timeout: 120_000 }, async () => {
  await daemon.client.unload('tiny')
  await daemon.client.load('tiny')
  await expect
    .poll(() => noted.findLast(({ type }) => type === 'modelLoaded'))
    .toMatchObject({
      data: { fromCache: false },
    })
})

test('a daemon that is stopped saves what it holds, and the next one goes on', { timeout: 120_000 }, async () => {
  await say('What came after that?')
  expect(await daemon.stop()).toBe(0)
  daemon = await start()
  const next = await say('And in the end?')
  expect(next.restoredTokens).toBeGreaterThan(256)
})

test('one that is killed has lost at most its last turn', { timeout: 120_000 }, async () => {
  const held = await say(`Tell it again, please. ${LONG}`)
  // The rhythm saves once nothing waits.
  await expect.poll(savedTokens, { timeout: 15_000 }).toBeGreaterThanOrEqual(held.promptTokens)
  const savedBefore = await savedTokens()
  await daemon.stop('SIGKILL')
  daemon = await start()
  expect(await savedTokens()).toBe(savedBefore)
  const next = await say('Was that all?')
  expect(next.restoredTokens).toBeGreaterThanOrEqual(held.promptTokens - 1)
})

test('what is not to be kept leaves no state', { timeout: 120_000 }, async () => {
  const before = (await daemon.client.cacheEntries()).entries.length
  const body = { model: 'tiny', messages: [{ role: 'user', content: `Secret. ${LONG}` }], max_tokens: 2 }
  const headers = { 'content-type': 'application/json', 'x-grym-no-store': '1' }
  const init = { method: 'POST', headers, body: JSON.stringify(body) }
  expect((await fetch(`${daemon.url}/v1/chat/completions`, init)).status).toBe(200)
  await daemon.client.moveToCache('tiny')
  const { entries } = await daemon.client.cacheEntries()
  const others = entries.filter(({ conversationId, tokens }) => conversationId === undefined && tokens > 0)
  expect(others).toEqual([])
  // What the slot held of the kept conversation may have been saved before the other one took its place.
  expect(entries.filter(({ tokens }) => tokens > 0).length).toBeLessThanOrEqual(before + 1)
})

test(
  'a deleted conversation is gone from the disk, and does not come back from memory',
  { timeout: 120_000 },
  async () => {
    const { conversationId } = await say('The last word?')
    const filesOf = async (): Promise<unknown[]> =>
      (await daemon.client.cacheEntries()).entries.filter((entry) => entry.conversationId === conversationId)
    await daemon.client.unload('tiny')
    expect((await filesOf()).length).toBeGreaterThan(0)
    // It is in memory again, and grows: what is not saved yet would be saved when the model leaves.
    await say('Really the last?')
    await daemon.client.deleteConversation(conversationId)
    expect(await filesOf()).toEqual([])
    await daemon.client.unload('tiny')
    expect(await filesOf()).toEqual([])
  },
)
