import { createHash } from 'node:crypto'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readEnvironment } from '../src/config/environment.ts'
import { tinyGguf } from '../src/testing/tiny-gguf.ts'
import { Daemon } from './support/daemon.ts'

/*
 * A daemon with keys, a socket and names by patterns, in a process of its own: who gets in, and by which door.
 */

const KEY = 'grym-key-of-a-test'
let home = ''
let daemon: Daemon

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'grym-test-'))
  const sha256 = createHash('sha256').update(KEY).digest('hex')
  const lines = [
    'listen: [127.0.0.1:0, "unix:g.sock"]',
    `keys: {laptop: {sha256: ${sha256}}}`,
    'models: {default: tiny, entries: {"claude-*": tiny}}',
  ]
  await writeFile(join(home, 'grym.yaml'), lines.join('\n'))
  await writeFile(join(home, 'tiny.gguf'), tinyGguf())
  daemon = await Daemon.start({ home, models: home })
})

afterAll(async () => {
  await daemon[Symbol.asyncDispose]()
  await rm(home, { recursive: true, force: true })
})

/** Runs a verb as a program of its own. */
function grym(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ code: number; stderr: string }> {
  const main = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))
  const whole = { ...readEnvironment(), GRYM_HOST: '', GRYM_API_KEY: '', ...env }
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], { env: whole, cwd: env['GRYM_HOME'] }, (error, _stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stderr })
    })
  })
}

test('the user’s own command line needs no key, and the token that it has is nobody else’s to read', async () => {
  expect(await grym(['status'], { GRYM_HOME: home })).toEqual({ code: 0, stderr: '' })
  expect((await stat(join(home, 'daemon.token'))).mode & 0o777).toBe(0o600)
})

test('from another state folder it takes a key', async () => {
  const other = await mkdtemp(join(tmpdir(), 'grym-test-'))
  const far = { GRYM_HOME: other, GRYM_HOST: daemon.url }
  const refused = await grym(['status'], far)
  expect(refused.code).toBe(4)
  expect(refused.stderr).toContain('asks for a key')
  expect((await grym(['status'], { ...far, GRYM_API_KEY: 'wrong' })).code).toBe(4)
  expect(await grym(['status'], { ...far, GRYM_API_KEY: KEY })).toEqual({ code: 0, stderr: '' })
  await rm(other, { recursive: true, force: true })
})

async function bySocket(path: string, headers: Record<string, string>): Promise<number> {
  const asked = request({ socketPath: join(home, 'g.sock'), path, headers }).end()
  const [response] = (await once(asked, 'response')) as [{ statusCode: number; resume(): void }]
  response.resume()
  return response.statusCode
}

test('the socket is another door with the same lock', async () => {
  expect(await bySocket('/health', {})).toBe(200)
  expect(await bySocket('/v1/models', {})).toBe(401)
  expect(await bySocket('/v1/models', { 'x-api-key': KEY })).toBe(200)
  expect(await bySocket('/v1/models', { 'x-api-key': KEY, host: 'evil.test' })).toBe(403)
})

const MESSAGES = [{ role: 'user', content: 'hi' }]
test.each([
  ['/v1/chat/completions', { messages: MESSAGES, max_tokens: 2 }, 'tiny'],
  ['/v1/completions', { prompt: 'hi', max_tokens: 2 }, 'tiny'],
  ['/v1/messages', { messages: MESSAGES, max_tokens: 2 }, 'tiny'],
  ['/v1/responses', { input: 'hi', max_output_tokens: 16 }, 'tiny'],
  ['/api/chat', { messages: MESSAGES, stream: false, options: { num_predict: 2 } }, 'claude-x'],
  ['/api/generate', { prompt: 'hi', stream: false, options: { num_predict: 2 } }, 'claude-x'],
])('claude-x leads to the local model: %s', async (path, body, named) => {
  const response = await fetch(`${daemon.url}${path}`, {
    method: 'POST',
    headers: { 'x-api-key': KEY },
    body: JSON.stringify({ ...body, model: 'claude-x' }),
  })
  expect(response.status).toBe(200)
  expect(response.headers.get('x-grym-model')).toBe('tiny')
  expect(await response.json()).toMatchObject({ model: named })
})

test.each([{}, { 'anthropic-version': '2023-06-01' }])('/v1/models/claude-x finds it (%j)', async (version) => {
  const response = await fetch(`${daemon.url}/v1/models/claude-x`, { headers: { 'x-api-key': KEY, ...version } })
  expect(await response.json()).toMatchObject({ id: 'claude-x' })
})
