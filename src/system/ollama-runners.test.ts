import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { OllamaRunners } from './ollama-runners.ts'

/*
 * On a made-up /proc with the command lines of Ollama 0.17.4 (llm/server.go) and 0.33.0 (llm/llama_server.go).
 */

const BLOB = `/usr/share/ollama/.ollama/models/blobs/sha256-${'ab'.repeat(32)}`
const OWN_RUNNER = ['/usr/bin/ollama', 'runner', '--ollama-engine', '--model', BLOB, '--port', '41927']
const LLAMA_SERVER = ['/usr/lib/ollama/llama-server', '--model', BLOB, '-c', '4096', '-np', '1']

let root = ''

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'grym-proc-'))
  await process(10, { name: 'ollama', words: ['/usr/bin/ollama', 'serve'] })
})

afterEach(() => rm(root, { recursive: true, force: true }))

async function process(
  pid: number,
  {
    name = 'ollama',
    words,
    parent = 1,
    state = 'S',
    ticks = '777',
  }: { name?: string; words: readonly string[]; parent?: number; state?: string; ticks?: string },
): Promise<void> {
  const folder = join(root, 'proc', String(pid))
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'cmdline'), `${words.join('\0')}\0`)
  await writeFile(join(folder, 'comm'), `${name}\n`)
  const fields = [state, parent, ...Array.from({ length: 17 }, () => 0), ticks, 0]
  await writeFile(join(folder, 'stat'), `${pid} (${name} x) ${fields.join(' ')}`)
}

test('the process of some weights is found by its command line and its parent, in both designs', async () => {
  for (const words of [OWN_RUNNER, LLAMA_SERVER]) {
    await process(20, { words, parent: 10 })
    const found = await new OllamaRunners(root).find(BLOB)
    expect(found).toEqual({ pid: 20, startTicks: '777' })
    expect(await new OllamaRunners(root).find(`/elsewhere/sha256-${'ab'.repeat(32)}`)).toBeUndefined()
  }
})

test('other programs with the same file, ended processes and doubtful ones are not it', async () => {
  const runners = new OllamaRunners(root)
  await process(20, { words: LLAMA_SERVER, parent: 30 })
  await process(30, { name: 'bash', words: ['bash'] })
  await process(21, { words: ['cat', BLOB], parent: 10 })
  expect(await runners.find(BLOB)).toBeUndefined()
  await process(22, { words: OWN_RUNNER, parent: 10, state: 'Z' })
  expect(await runners.find(BLOB)).toBeUndefined()
  await process(23, { words: OWN_RUNNER, parent: 10 })
  expect(await runners.find(BLOB)).toMatchObject({ pid: 23 })
  await process(24, { words: OWN_RUNNER, parent: 10 })
  expect(await runners.find(BLOB)).toBeUndefined()
})

test('a process is alive while its pid is, and has not been given to another one', async () => {
  const runners = new OllamaRunners(root)
  await process(20, { words: OWN_RUNNER, parent: 10 })
  const found = { pid: 20, startTicks: '777' }
  expect(runners.isAlive(found)).toBe(true)
  await process(20, { words: OWN_RUNNER, parent: 10, state: 'Z' })
  expect(runners.isAlive(found)).toBe(false)
  await process(20, { words: OWN_RUNNER, parent: 10, ticks: '778' })
  expect(runners.isAlive(found)).toBe(false)
  await rm(join(root, 'proc/20'), { recursive: true })
  expect(runners.isAlive(found)).toBe(false)
})

test('a system without /proc has none', async () => {
  expect(await new OllamaRunners(join(root, 'nowhere')).find(BLOB)).toBeUndefined()
})
