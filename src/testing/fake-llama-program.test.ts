import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { chat, LlamaGround } from '../../test/support/llama-ground.ts'
import { toErrorData } from '../spec/errors.ts'

const PROGRAM = fileURLToPath(new URL('fake-llama-server.ts', import.meta.url))

/** The program as a child process, with all that it wrote to its log. */
class Program implements AsyncDisposable {
  readonly child: ChildProcess
  readonly ended: Promise<unknown>
  log = ''

  constructor(args: readonly string[]) {
    this.child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => void (this.log += text))
    this.ended = once(this.child, 'close')
  }

  /** Waits until it listens with its model loaded. */
  async listening(): Promise<{ url: string }> {
    await expect.poll(() => this.log, { timeout: 10_000 }).toMatch(/listening on/)
    return { url: /listening on (\S+)/.exec(this.log)?.[1] ?? '' }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGKILL')
    await this.ended
  }
}

async function openStream(url: string): Promise<ReadableStreamDefaultReader<Uint8Array>> {
  const body = JSON.stringify({ messages: [{ role: 'user', content: 'x' }], stream: true, ignore_eos: true })
  const response = await fetch(`${url}/v1/chat/completions`, { method: 'POST', body })
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  await reader.read()
  return reader
}

async function drained(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  while (!(await reader.read()).done);
}

describe('ending', () => {
  test('SIGTERM ends an idle one at once', async () => {
    await using ground = await LlamaGround.make()
    await using program = new Program(['-m', ground.modelPath, '--port', '0'])
    const { url } = await program.listening()
    expect((await chat({ url }, 'hello', { max_tokens: 1 })).status).toBe(200)
    program.child.kill('SIGTERM')
    expect(await program.ended).toEqual([0, null])
  })

  test('with an open stream it lives until the next comment, and then breaks the stream', async () => {
    await using ground = await LlamaGround.make()
    const args = ['-m', ground.modelPath, '--port', '0', '--sse-ping-interval', '1', '--fake-token-delay', '20']
    await using program = new Program(args)
    const reader = await openStream((await program.listening()).url)
    const startMs = performance.now()
    program.child.kill('SIGTERM')
    await expect(drained(reader)).rejects.toThrow('terminated')
    expect(await program.ended).toEqual([0, null])
    expect(performance.now() - startMs).toBeGreaterThan(900)
  })

  test('when the client leaves first it ends at once; a second signal does not wait', async () => {
    await using ground = await LlamaGround.make()
    const args = ['-m', ground.modelPath, '--port', '0', '--fake-token-delay', '20']
    await using first = new Program(args)
    const left = await openStream((await first.listening()).url)
    first.child.kill('SIGTERM')
    await left.cancel()
    expect(await first.ended).toEqual([0, null])
    await using second = new Program(args)
    const reader = await openStream((await second.listening()).url)
    const broken = drained(reader).catch((error: unknown) => error)
    second.child.kill('SIGTERM')
    const { url } = await second.listening()
    // The signal takes a moment to arrive.
    const outcome = (): Promise<unknown> => fetch(url).then(() => 'served', toErrorData)
    await expect.poll(outcome, { timeout: 10_000 }).toMatchObject({ message: 'fetch failed' })
    second.child.kill('SIGTERM')
    expect(await second.ended).toEqual([1, null])
    expect(await broken).toMatchObject({ message: 'terminated' })
  })

  test('it dies as it is told to', async () => {
    await using ground = await LlamaGround.make()
    const fault = ['--fake-crash-after-tokens', '2', '--fake-crash-signal', 'SIGKILL']
    await using program = new Program(['-m', ground.modelPath, '--port', '0', ...fault])
    const { url } = await program.listening()
    await expect(chat({ url }, 'x', { stream: true })).rejects.toThrow('terminated')
    expect(await program.ended).toEqual([null, 'SIGKILL'])
  })
})

describe('not beginning', () => {
  const lastLine = 'E srv  llama_server: exiting due to model loading error\n'

  test('a model that is not there, or is none, is told in the lines of llama.cpp', async () => {
    await using missing = new Program(['-m', '/nowhere/x.gguf', '--port', '0'])
    await using other = new Program(['-m', PROGRAM, '--port', '0'])
    expect(await missing.ended).toEqual([1, null])
    expect(missing.log).toContain("gguf_init_from_file: failed to open GGUF file '/nowhere/x.gguf' (No such file")
    expect(missing.log).toMatch(/^\d+\.\d\d\.\d{3}\.\d{3} E gguf_init/)
    expect(await other.ended).toEqual([1, null])
    expect(other.log).toContain("invalid magic characters: 'impo', expected 'GGUF'")
    for (const { log } of [missing, other]) expect(log.endsWith(lastLine)).toBe(true)
  })

  test('memory that runs out for the weights or for the context', async () => {
    await using ground = await LlamaGround.make()
    const args = ['-m', ground.modelPath, '--port', '0']
    await using weights = new Program([...args, '--fake-out-of-memory'])
    await using context = new Program([...args, '--fake-load-failure', 'context-out-of-memory'])
    expect([await weights.ended, await context.ended]).toEqual([
      [1, null],
      [1, null],
    ])
    expect(weights.log).toContain('error loading model: unable to allocate CPU buffer')
    expect(context.log).toContain('failed to initialize the context: failed to allocate buffer for kv cache')
  })

  test('a port that is taken', async () => {
    await using ground = await LlamaGround.make()
    await using taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    await using program = new Program(['-m', ground.modelPath, '--port', String(port)])
    expect(await program.ended).toEqual([1, null])
    expect(program.log).toContain(`couldn't bind HTTP server socket, hostname: 127.0.0.1, port: ${port}`)
  })
})
