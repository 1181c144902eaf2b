import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readEnvironment } from '../src/config/environment.ts'
import { tinyGguf } from '../src/testing/tiny-gguf.ts'
import { Daemon } from './support/daemon.ts'

/*
 * The whole product on tiny models: a daemon in a process of its own, the command line beside it, real engines.
 */

let models = ''
let daemon: Daemon

beforeAll(async () => {
  models = await mkdtemp(join(tmpdir(), 'grym-models-'))
  await writeFile(join(models, 'tiny.gguf'), tinyGguf())
  await writeFile(join(models, 'other.gguf'), tinyGguf({ name: 'tino', seed: 2 }))
  await writeFile(join(models, 'third.gguf'), tinyGguf({ name: 'tinu', seed: 3 }))
  await writeFile(join(models, 'half.gguf'), tinyGguf().subarray(0, 260_000))
  await writeFile(join(models, 'strange.gguf'), tinyGguf({ architecture: 'strange' }))
  daemon = await Daemon.start({ models, flags: ['--default-model', 'tiny', '--max-models', '1'] })
})

afterAll(async () => {
  await daemon[Symbol.asyncDispose]()
  await rm(models, { recursive: true, force: true })
})

interface Finished {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a verb in a process of its own, with the daemon's state folder. */
function grym(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Finished> {
  const main = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))
  const whole = { ...readEnvironment(), GRYM_HOST: '', GRYM_HOME: daemon.home, GRYM_MODELS: models, ...env }
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], { env: whole }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr })
    })
  })
}

async function errorOf(response: Response): Promise<{ status: number; reason: string; message: string }> {
  const { error } = (await response.json()) as { error: { reason: string; message: string; id: string } }
  expect(error.id).toBe(response.headers.get('x-grym-error-id'))
  return { status: response.status, reason: error.reason, message: error.message }
}

describe('bad input gets one clear error, and the next request works', () => {
  const message = [{ role: 'user', content: 'x' }]
  const cases: [string, unknown, number, RegExp][] = [
    ['unknown model', { model: 'tiniy', messages: message }, 404, /Did you mean tiny/],
    ['a path for a model', { model: '../tiny', messages: message }, 400, /no model id/],
    ['malformed JSON', '{"messages":', 400, /not valid JSON/],
    ['no messages', {}, 400, /messages/],
    ['wrong types', { messages: 'hi' }, 400, /messages/],
    ['absurd numbers', '{"messages":[{"role":"user","content":"x"}],"temperature":1e999}', 400, /temperature/],
    ['negative numbers', { messages: message, max_tokens: -1 }, 400, /max_tokens/],
    ['an unknown role', { messages: [{ role: 'robot', content: 'x' }] }, 400, /role/],
    ['deep nesting', `${'['.repeat(100_000)}${']'.repeat(100_000)}`, 400, /nested deeper/],
    ['a prompt of 10 MB', { messages: [{ role: 'user', content: 'word '.repeat(2_000_000) }] }, 400, /window/],
    ['a prompt somewhat too long', { messages: [{ role: 'user', content: 'x'.repeat(3_000) }] }, 400, /window/],
    ['a body beyond the limit', { messages: [{ role: 'user', content: 'x'.repeat(34_000_000) }] }, 413, /maxBodyBytes/],
    ['a file cut in half', { model: 'half', messages: message }, 422, /half\.gguf/],
    ['an architecture nobody knows', { model: 'strange', messages: message }, 422, /strange/],
    ['tools, which are not served yet', { messages: message, tools: [{ type: 'function' }] }, 400, /tools/],
  ]

  test.each(cases)('%s', async (_, body, status, words) => {
    const error = await errorOf(await daemon.post('/v1/chat/completions', body))
    expect(error).toMatchObject({ status, message: expect.stringMatching(words) })
    expect((await daemon.ask('tiny', 'next')).status).toBe(200)
  })

  test('invalid UTF-8', async () => {
    const body = Buffer.from('{"messages":[{"role":"user","content":"\u00ff"}]}', 'latin1')
    const response = await fetch(`${daemon.url}/v1/chat/completions`, { method: 'POST', body })
    expect(await errorOf(response)).toMatchObject({ status: 400, message: expect.stringContaining('UTF-8') })
  })

  test('a model larger than the machine', async () => {
    const small = { GRYM_MEMORY_THRESHOLD: '0.000001', GRYM_HOME: `${daemon.home}-small` }
    const { code, stderr } = await grym(['run', 'hi', '--model', 'tiny', '--json'], small)
    await rm(small.GRYM_HOME, { recursive: true, force: true })
    expect(code).toBe(4)
    expect(JSON.parse(stderr)).toMatchObject({ error: { reason: 'model-too-large' } })
  })
})

describe('turns', () => {
  test('50 requests at once over three models with room for one, half of them streams, are all answered', async () => {
    const names = ['tiny', 'other', 'third']
    const asked = Array.from({ length: 50 }, async (_, index) => {
      const response = await daemon.ask(names[index % 3] ?? '', `${index}`, { stream: index % 2 === 0, max_tokens: 1 })
      return { status: response.status, text: await response.text() }
    })
    for (const { status, text } of await Promise.all(asked)) {
      expect(status, text).toBe(200)
      expect(text).toMatch(/\[DONE\]|"finish_reason":"(stop|length)"/)
    }
    const { models: known, queue } = await daemon.client.status()
    expect(queue).toEqual({ waiting: 0, running: 0 })
    expect(known.filter(({ state }) => state === 'ready')).toHaveLength(1)
  }, 120_000)

  test('a worker killed by kill -9 costs the next request only time', async () => {
    await daemon.ask('tiny', 'first')
    process.kill((await daemon.workerPid('tiny')) ?? 0, 'SIGKILL')
    expect((await daemon.ask('tiny', 'second')).status).toBe(200)
  })
})

describe('events', () => {
  test('tell the story of a load in order, and a follower resumes where it was', async () => {
    await daemon.client.unload('tiny')
    const { lastEventId } = await daemon.client.status()
    await daemon.client.load('tiny')
    const seen: { id: number; type: string }[] = []
    for await (const { id, type } of daemon.client.events(lastEventId)) {
      seen.push({ id, type })
      if (type === 'modelLoaded') break
    }
    expect(seen.map(({ id }) => id)).toEqual(seen.map((_, index) => lastEventId + 1 + index))
    expect(seen.map(({ type }) => type)).toContain('modelLoading')
  })
})

describe('the command line', () => {
  test('list, status and show agree with the daemon, in words and in JSON', async () => {
    const { models: listed } = JSON.parse((await grym(['list', '--json'])).stdout) as { models: { id: string }[] }
    expect(listed.map(({ id }) => id)).toEqual(['tiny', 'other', 'strange', 'third'])
    expect(JSON.parse((await grym(['status', '--json'])).stdout)).toMatchObject({ pid: daemon.pid })
    expect((await grym(['show', 'tiny'])).stdout).toContain('llama')
    expect((await grym(['list'])).stdout).toContain('NAME')
  })

  test('load and unload', async () => {
    expect(JSON.parse((await grym(['load', 'other', '--json'])).stdout)).toMatchObject({ state: 'ready' })
    expect((await grym(['stop', 'other'])).stdout).toContain('unloaded')
  })

  test('run asks the running daemon; without one it answers by itself and ends', async () => {
    const asked = ['run', 'hi', '--max-tokens', '3', '--json']
    expect(JSON.parse((await grym(asked)).stdout)).toMatchObject({ model: 'tiny' })
    const alone = { GRYM_HOME: `${daemon.home}-alone`, GRYM_DEFAULT_MODEL: 'tiny' }
    const { code, stdout } = await grym(asked, alone)
    await rm(alone.GRYM_HOME, { recursive: true, force: true })
    expect([code, typeof (JSON.parse(stdout) as { answer: string }).answer]).toEqual([0, 'string'])
  })

  test.each([
    [['load', 'nobody'], 1],
    [['frobnicate'], 2],
    [['serve', '--port', 'x'], 2],
    [['status', '--port', '1'], 3],
    [['--version'], 0],
    [['run', '--help'], 0],
  ])('%j ends with %i', async (args, code) => {
    expect((await grym(args)).code).toBe(code)
  })

  test('an error in JSON is on stderr, and stdout is empty', async () => {
    const { stdout, stderr } = await grym(['load', 'nobody', '--json'])
    expect(stdout).toBe('')
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'INVALID_MODEL_ID', reason: 'model-not-found' } })
  })
})

describe('the daemon', () => {
  test('is one per state folder, and says where the other one is', async () => {
    const { code, stderr } = await grym(['serve', '--port', '0'])
    expect([code, stderr]).toEqual([1, expect.stringContaining(daemon.url)])
  })

  test('says who has its port', async () => {
    const server = createServer()
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => {
        const address = server.address()
        resolve(typeof address === 'object' && address ? address.port : 0)
      })
    })
    const { code, stderr } = await grym(['serve', '--port', String(port)], { GRYM_HOME: `${daemon.home}-second` })
    server.close()
    await rm(`${daemon.home}-second`, { recursive: true, force: true })
    expect([code, stderr]).toEqual([1, expect.stringContaining(`Another program listens on 127.0.0.1:${port}`)])
  })

  test('writes where it is, for its owner only', async () => {
    const path = join(daemon.home, 'daemon.json')
    expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({ pid: daemon.pid, url: daemon.url })
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect((await stat(daemon.home)).mode & 0o777).toBe(0o700)
  })

  test('refuses a name that is not its own, and opens no door for pages of the web', async () => {
    const response = await fetch(`${daemon.url}/v1/models`, { headers: { origin: 'http://evil.example' } })
    expect(response.status).toBe(403)
    expect(response.headers.get('access-control-allow-origin')).toBeNull()
  })
})
