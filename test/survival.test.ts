import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readEnvironment } from '../src/config/environment.ts'
import type { StoredConversation } from '../src/spec/conversations.ts'
import type { RecordedDecision } from '../src/spec/history.ts'
import { tinyGguf } from '../src/testing/tiny-gguf.ts'
import { Daemon } from './support/daemon.ts'

/*
 * What outlives a daemon that is killed, and what is to be gone: on tiny models, with real processes.
 */

let models = ''
let home = ''
let daemon: Daemon

beforeAll(async () => {
  models = await mkdtemp(join(tmpdir(), 'grym-models-'))
  await writeFile(join(models, 'tiny.gguf'), tinyGguf())
  home = await mkdtemp(join(tmpdir(), 'grym-survival-'))
  daemon = await start()
})

afterAll(async () => {
  await daemon[Symbol.asyncDispose]()
  for (const folder of [home, models]) await rm(folder, { recursive: true, force: true })
})

function start(): Promise<Daemon> {
  return Daemon.start({ models, home, flags: ['--default-model', 'tiny'] })
}

/** `kill -9`, and a new daemon on the same state folder. */
async function killAndRestart(): Promise<void> {
  await daemon.stop('SIGKILL')
  daemon = await start()
}

interface Message {
  readonly role: string
  readonly content: string
}

interface Told {
  readonly text: string
  /** `X-Grym-Conversation`. */
  readonly id: string
}

const user = (content: string): Message => ({ role: 'user', content })
const assistant = (content: string): Message => ({ role: 'assistant', content })

async function post(
  messages: readonly Message[],
  headers: Readonly<Record<string, string>> = {},
  changes: object = {},
): Promise<Response> {
  const body = JSON.stringify({ model: 'tiny', messages, temperature: 0, max_tokens: 4, ...changes })
  const response = await fetch(`${daemon.url}/v1/chat/completions`, { method: 'POST', headers, body })
  expect(response.status).toBe(200)
  return response
}

async function ask(messages: readonly Message[], headers: Readonly<Record<string, string>> = {}): Promise<Told> {
  const response = await post(messages, headers)
  const { choices } = (await response.json()) as { choices: { message: { content: string } }[] }
  return { text: choices[0]?.message.content ?? '', id: response.headers.get('x-grym-conversation') ?? '' }
}

async function conversation(id: string): Promise<StoredConversation> {
  return (await (await fetch(`${daemon.url}/grym/v1/conversations/${id}`)).json()) as StoredConversation
}

async function messagesOf(id: string): Promise<Message[]> {
  return (await conversation(id)).messages.map(({ role, content }) => ({ role, content }))
}

/** Files of the state folder in which this text stands. */
async function filesWith(text: string): Promise<string[]> {
  const folder = join(home, 'state')
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const found = await Promise.all(files.map(async (path) => ((await readFile(path)).includes(text) ? [path] : [])))
  return found.flat()
}

test('kill -9 right after an answer costs neither question nor answer, and the next turn goes on there', async () => {
  const question = user('Remember the word walrus.')
  const { text, id } = await ask([question])
  await killAndRestart()
  expect(await messagesOf(id)).toEqual([question, assistant(text)])

  const next = [question, assistant(text), user('Which word?')]
  const second = await ask(next)
  expect(second.id).toBe(id)
  await killAndRestart()
  expect(await messagesOf(id)).toEqual([...next, assistant(second.text)])
})

test('a stream whose end was read is kept whole', async () => {
  const question = user('Stream this.')
  const response = await post([question], {}, { stream: true })
  const id = response.headers.get('x-grym-conversation') ?? ''
  const sent = (await response.text()).split('\n\n').filter((block) => block.startsWith('data: {'))
  const text = sent
    .map((block) => JSON.parse(block.slice('data: '.length)) as { choices: { delta: { content?: string } }[] })
    .map(({ choices }) => choices[0]?.delta.content ?? '')
    .join('')
  await killAndRestart()
  expect(await messagesOf(id)).toEqual([question, assistant(text)])
})

test('of a stream that kill -9 cuts the question is kept, and it can be asked again', async () => {
  const question = user('Tell me much.')
  const response = await post([question], {}, { stream: true, max_tokens: 1_500 })
  const id = response.headers.get('x-grym-conversation') ?? ''
  const reader = response.body?.getReader()
  await reader?.read()
  await daemon.stop('SIGKILL')
  await reader?.cancel().catch(() => 'broken')
  daemon = await start()
  const [first, ...rest] = await messagesOf(id)
  expect(first).toEqual(question)
  expect(rest.every(({ role }) => role === 'assistant')).toBe(true)
  expect((await ask([question])).text).not.toBe('')
})

test('X-Grym-No-Store leaves no trace in any file', async () => {
  const before = await daemon.client.conversations({ limit: 100 })
  expect((await ask([user('The marker is zebra-4711.')], { 'x-grym-no-store': '1' })).id).toBe('')
  expect(await filesWith('zebra-4711')).toEqual([])
  await killAndRestart()
  expect(await filesWith('zebra-4711')).toEqual([])
  expect(await daemon.client.conversations({ limit: 100 })).toEqual(before)
})

test('what was deleted is in no file any more, before and after a restart', async () => {
  const { id } = await ask([user('The marker is okapi-4712.')])
  const kept = await ask([user('The marker is tapir-4713.')])
  expect(await filesWith('okapi-4712')).not.toEqual([])
  await daemon.client.deleteConversation(id)
  expect(await filesWith('okapi-4712')).toEqual([])
  await killAndRestart()
  expect(await filesWith('okapi-4712')).toEqual([])
  await expect(daemon.client.conversation(id)).rejects.toMatchObject({ reason: 'conversation-not-found' })

  await daemon.client.conversation(kept.id)
  await fetch(`${daemon.url}/grym/v1/conversations`, { method: 'DELETE' })
  expect(await filesWith('tapir-4713')).toEqual([])
})

test('two clients that go on from the same point at once both find their text again', async () => {
  const begun = await ask([user('Begin.')])
  const shared = [user('Begin.'), assistant(begun.text)]
  const told = await Promise.all(['left', 'right'].map((way) => ask([...shared, user(`Turn ${way}.`)])))
  expect(new Set(told.map(({ id }) => id)).size).toBe(2)
  await killAndRestart()
  for (const [index, way] of ['left', 'right'].entries()) {
    const { id, text } = told[index] ?? begun
    expect(await messagesOf(id)).toEqual([...shared, user(`Turn ${way}.`), assistant(text)])
  }
})

test('two clients that use the same name at once both find their text again', async () => {
  const named = { 'x-grym-conversation': 'shared' }
  await Promise.all(['left', 'right'].map((way) => ask([user(`Turn ${way}.`)], named)))
  await killAndRestart()
  const known = await daemon.client.conversations({ limit: 100 })
  const kept = (await Promise.all(known.map(({ id }) => messagesOf(id)))).flat().map(({ content }) => content)
  expect(kept).toEqual(expect.arrayContaining(['Turn left.', 'Turn right.']))
})

test('a system prompt that tells the time does not begin a new conversation, restart or not', async () => {
  const at = (time: string): Message => ({ role: 'system', content: `It is ${time}.\nBe brief.` })
  const first = await ask([at('10:42'), user('One.')])
  const second = await ask([at('10:43'), user('One.'), assistant(first.text), user('Two.')])
  await killAndRestart()
  const history = [user('One.'), assistant(first.text), user('Two.'), assistant(second.text), user('Three.')]
  const third = await ask([at('11:00'), ...history])
  expect([second.id, third.id]).toEqual([first.id, first.id])
  expect(await conversation(first.id)).toMatchObject({ system: 'It is 11:00.\nBe brief.' })
})

test('event ids go on above those of before, and a follower from before hears what comes', async () => {
  await ask([user('x')])
  const requests = await daemon.client.historyRequests({ limit: 100 })
  const { lastEventId: before } = await daemon.client.status()
  expect(requests.at(-1)?.eventId).toBeLessThanOrEqual(before)
  await killAndRestart()
  await daemon.client.load('tiny')
  for await (const { id, type } of daemon.client.events(before)) {
    expect(id).toBeGreaterThan(before)
    if (type === 'modelLoaded') break
  }
  expect(await daemon.client.historyRequests({ limit: 100 })).toEqual(requests)
})

test('grym explain knows after a restart what was decided before it', async () => {
  await ask([user('x')])
  // What was asked for is on disk; what was noted in the last quarter of a second may not be.
  const loads = (await daemon.client.history({ model: 'tiny', limit: 1_000 })).filter(isLoad)
  expect(loads.at(-1)).toMatchObject({ modelId: 'tiny' })
  await killAndRestart()
  const out = await grym(['explain', 'tiny', '--limit', '1000', '--json'])
  expect((JSON.parse(out) as { decisions: RecordedDecision[] }).decisions.filter(isLoad)).toEqual(loads)
})

function isLoad({ decision }: RecordedDecision): boolean {
  return decision === 'load'
}

/** What a verb prints, in a process of its own. */
async function grym(args: readonly string[]): Promise<string> {
  const main = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))
  const env = { ...readEnvironment(), GRYM_HOST: '', GRYM_HOME: home, GRYM_MODELS: models }
  return (await promisify(execFile)(process.execPath, [main, ...args], { env })).stdout
}
