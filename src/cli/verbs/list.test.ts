import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ScriptedUpstream, sendJson } from '../../../test/support/scripted-upstream.ts'
import { main } from '../main.ts'

let folder = ''

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'grym-list-verb-'))
  const set = { GRYM_HOME: folder, GRYM_CONFIG: '', OLLAMA_MODELS: join(folder, 'ollama') }
  for (const [name, value] of Object.entries(set)) vi.stubEnv(name, value)
  vi.spyOn(process, 'cwd').mockReturnValue(join(folder, 'working-folder'))
})
afterEach(async () => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
  await rm(folder, { recursive: true })
})

/** `grym list` with Ollama at this address. */
async function list(ollamaUrl: string, ...flags: string[]): Promise<{ out: string; notices: string }> {
  vi.stubEnv('GRYM_OLLAMA_URL', ollamaUrl)
  const written = { out: '', notices: '' }
  const into = (stream: keyof typeof written) => (text: string | Uint8Array) => {
    written[stream] += String(text)
    return true
  }
  vi.spyOn(process.stdout, 'write').mockImplementation(into('out'))
  vi.spyOn(process.stderr, 'write').mockImplementation(into('notices'))
  expect(await main(['list', ...flags])).toBe(0)
  return written
}

test('an engine that somebody has set up and that cannot be asked is told, beside the models that are there', async () => {
  const { out, notices } = await list('http://127.0.0.1:9')
  expect(out).toBe('no models yet; get one with `grym pull smollm2`\n')
  expect(notices).toContain('Ollama does not answer at http://127.0.0.1:9')
  const { notices: lines } = await list('http://127.0.0.1:9', '--json')
  expect(JSON.parse(lines)).toEqual({ notice: expect.stringContaining('Ollama does not answer') })
})

test('one that answers is not', async () => {
  await using ollama = await ScriptedUpstream.start((_, response) =>
    sendJson(response, 200, { models: [{ name: 'm:1b', digest: 'd', size: 1 }] }),
  )
  const { out, notices } = await list(ollama.url)
  expect(out).toContain('m:1b')
  expect(notices).toBe('')
})
