import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createResourceManager } from '../src/index.ts'
import { Daemon } from './support/daemon.ts'
import type { RealEngine } from '../tools/engines/cache-folder.ts'
import { realLlamaServer, realOllama } from './support/real-engines.ts'
import { RealOllamaServer } from './support/real-ollama-server.ts'
import { smollm2 } from './support/smollm2.ts'

/* grym over real engines, from the front door to their processes. */

const [ollamaEngine, llamaServer] = [await realOllama(), await realLlamaServer()]
/** As the guide prints it: a model that is small, under the name of one that is not. */
const NAME = 'deepseek-r1:14b'
const QUESTION = 'What is the capital of France?'

/** None where there is no such engine; that is told by the tests of its provider. */
function binaryOf(engine: RealEngine): readonly string[] {
  return 'binary' in engine ? [engine.binary] : []
}

async function isThere(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  return stat !== undefined && !/\) [ZX] /.test(stat)
}

async function until(what: string, isSo: () => Promise<boolean>, deadlineMs = 20_000): Promise<void> {
  for (let waitedMs = 0; waitedMs < deadlineMs; waitedMs += 50) {
    if (await isSo()) return
    await delay(50)
  }
  throw new Error(`${what} did not come to be within ${deadlineMs} ms`)
}

describe.each(binaryOf(ollamaEngine))('over a real Ollama', (binary) => {
  let ollama: RealOllamaServer
  let daemon: Daemon

  beforeAll(async () => {
    ollama = await RealOllamaServer.start(binary)
    await ollama.make({ name: NAME, path: await smollm2() })
    daemon = await Daemon.start({ env: { GRYM_OLLAMA_URL: ollama.url, GRYM_DEFAULT_MODEL: NAME } })
  })

  afterAll(async () => {
    await daemon[Symbol.asyncDispose]()
    await ollama[Symbol.asyncDispose]()
  })

  test('the library loads it as the guide prints it, and gives it back', async () => {
    const home = await mkdtemp(join(tmpdir(), 'grym-library-'))
    const manager = createResourceManager({ home, mode: 'embedded' })
    const inherited = process.env['GRYM_OLLAMA_URL']
    process.env['GRYM_OLLAMA_URL'] = ollama.url
    try {
      await manager.loadModel(NAME)
      const metrics = (await manager.getResourceMetrics()).models.get(NAME)
      expect(metrics).toMatchObject({ platform: 'ollama', status: 'ready', memorySource: 'measured' })
      let text = ''
      const messages = [{ role: 'user' as const, content: QUESTION }]
      for await (const chunk of manager.chat({ model: NAME, messages, maxTokens: 12, temperature: 0 })) {
        if (chunk.type === 'text') text += chunk.text
      }
      expect(text).toContain('Paris')
      await manager.unloadModel(NAME)
      expect(await (await fetch(`${ollama.url}/api/ps`)).json()).toEqual({ models: [] })
    } finally {
      manager.destroy()
      if (inherited === undefined) delete process.env['GRYM_OLLAMA_URL']
      else process.env['GRYM_OLLAMA_URL'] = inherited
      await rm(home, { recursive: true, force: true })
    }
  })

  test('a killed runner costs the stream that it was serving, which ends with an error; who waits is served', async () => {
    await daemon.client.load(NAME)
    const streamed = await daemon.post('/v1/chat/completions', {
      model: NAME,
      messages: [{ role: 'user', content: 'Tell a very long story.' }],
      stream: true,
      max_tokens: 2_000,
    })
    const waiting = [daemon.ask(NAME, QUESTION), daemon.ask(NAME, QUESTION)]
    const pid = await daemon.workerPid(NAME)
    const reader = streamed.body?.pipeThrough(new TextDecoderStream()).getReader()
    let text = (await reader?.read())?.value ?? ''
    if (pid !== undefined) process.kill(pid, 'SIGKILL')
    for (;;) {
      const piece = await reader?.read()
      if (!piece || piece.done) break
      text += piece.value
    }
    expect(pid).toBeDefined()
    expect(text).toContain('"reason":"engine-lost"')
    expect(text).not.toContain('[DONE]')
    for (const answer of await Promise.all(waiting)) expect(answer.status).toBe(200)
  })

  test('what somebody stops in Ollama is noticed, said, and loaded again when it is asked for', async () => {
    await daemon.client.load(NAME)
    await ollama.post('/api/generate', { model: NAME, keep_alive: 0 })
    const stateOf = async (): Promise<string | undefined> =>
      (await daemon.client.status()).models.find(({ id }) => id === NAME)?.state
    await until('unloaded', async () => (await stateOf()) === 'unloaded')
    const decisions = await daemon.client.history({ model: NAME, limit: 20 })
    expect(decisions.at(-1)).toMatchObject({ decision: 'unload-done', reason: 'taken' })
    expect((await daemon.ask(NAME, QUESTION)).status).toBe(200)
  })

  test('an over-long prompt is refused, not cut', async () => {
    const answer = await daemon.ask(NAME, 'word '.repeat(12_000))
    expect(answer.status).toBe(400)
    expect(((await answer.json()) as { error: { reason: string } }).error.reason).toBe('context-too-long')
  })
})

describe.each(binaryOf(llamaServer))('with a real llama-server', (binary) => {
  let home: string

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'grym-servers-'))
    const command = [binary, '-m', await smollm2(), '--port', '${port}', '-c', '2048', '-np', '1']
    await writeFile(join(home, 'grym.yaml'), JSON.stringify({ servers: { small: { command } } }))
  })

  afterAll(() => rm(home, { recursive: true, force: true }))

  test('a command answers, tells what it printed, and outlives a killed daemon only until the next one', async () => {
    const env = { GRYM_CONFIG: join(home, 'grym.yaml'), GRYM_DEFAULT_MODEL: 'server:small' }
    const first = await Daemon.start({ home, env })
    expect((await first.ask('server:small', QUESTION)).status).toBe(200)
    const pid = await first.workerPid('server:small')
    expect(pid).toBeDefined()
    expect((await first.client.engineLog('server:small')).lines.join('\n')).toContain('model loaded')
    await first.stop('SIGKILL')
    expect(await isThere(pid ?? 0)).toBe(true)
    await using second = await Daemon.start({ home, env })
    expect(await isThere(pid ?? 0)).toBe(false)
    expect((await second.ask('server:small', QUESTION)).status).toBe(200)
    const next = await second.workerPid('server:small')
    await second.stop()
    expect(await isThere(next ?? 0)).toBe(false)
  })
})
