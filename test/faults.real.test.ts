import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { toErrorData } from '../src/spec/errors.ts'
import { Daemon } from './support/daemon.ts'
import { smollm2Daemon } from './support/smollm2-daemon.ts'

/*
 * Engines that are killed and engines that are stopped: no request is lost that could be kept, and none hangs.
 */

const { daemon, models } = smollm2Daemon()

async function kill(signal: NodeJS.Signals): Promise<void> {
  const pid = await daemon().workerPid('smollm2')
  if (pid === undefined) throw new Error('there is no worker to kill')
  process.kill(pid, signal)
}

/** Waits until the engine generates; a question of 200 tokens keeps it busy for a while. */
async function generating(): Promise<void> {
  await expect.poll(async () => (await daemon().client.status()).queue.running, { timeout: 20_000 }).toBe(1)
}

const long = { max_tokens: 200, stop: [] }

describe('a worker killed by kill -9', () => {
  test('between requests: the next one is served by a fresh worker', async () => {
    expect((await daemon().ask('smollm2', 'Hi')).status).toBe(200)
    const before = await daemon().workerPid('smollm2')
    await kill('SIGKILL')
    expect((await daemon().ask('smollm2', 'Hi')).status).toBe(200)
    expect(await daemon().workerPid('smollm2')).not.toBe(before)
  })

  test('while it loads: the request waits for another one', async () => {
    await daemon().client.unload('smollm2')
    const answer = daemon().ask('smollm2', 'Hi')
    await expect.poll(async () => (await daemon().client.status()).models[0]?.state).toBe('loading')
    const workers = JSON.parse(await readFile(join(daemon().home, 'state', 'workers.json'), 'utf8')) as object
    // One that has just ended stands there for a moment still.
    for (const pid of Object.keys(workers)) if (await isAlive(Number(pid))) process.kill(Number(pid), 'SIGKILL')
    expect((await answer).status).toBe(200)
  })

  test('during a request that is not streamed: it is answered all the same', async () => {
    await daemon().ask('smollm2', 'Hi')
    const answer = daemon().ask('smollm2', 'Write a long story about a fox.', long)
    await generating()
    await kill('SIGKILL')
    const response = await answer
    expect(response.status).toBe(200)
    const { choices } = (await response.json()) as { choices: { message: { content: string } }[] }
    expect(choices[0]?.message.content.length).toBeGreaterThan(0)
  })

  test('in the middle of a stream: it ends with an explicit error event, without [DONE]', async () => {
    const response = await daemon().ask('smollm2', 'Write a long story about a hare.', { ...long, stream: true })
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    while (!text.includes('"content":"')) text += (await reader?.read())?.value ?? ''
    await kill('SIGKILL')
    for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) text += part.value
    const last = text.trim().split('\n\n').at(-1)?.replace('data: ', '') ?? ''
    expect(JSON.parse(last)).toMatchObject({ error: { reason: 'engine-lost', id: expect.stringMatching(/^err_/) } })
    expect(text).not.toContain('[DONE]')
    expect((await daemon().ask('smollm2', 'Hi')).status).toBe(200)
  })

  test('twice during the same request: it is refused as poison, and only it', async () => {
    await daemon().ask('smollm2', 'Hi')
    const answer = daemon().ask('smollm2', 'Write a long story about a badger.', long)
    for (let times = 0; times < 2; times++) {
      await generating()
      await kill('SIGKILL')
      await expect.poll(async () => (await daemon().client.status()).queue.running, { interval: 5 }).toBe(0)
    }
    const response = await answer
    expect(response.status).toBe(422)
    expect(await response.json()).toMatchObject({ error: { reason: 'request-quarantined' } })
    const again = await daemon().ask('smollm2', 'Write a long story about a badger.', long)
    expect(again.status).toBe(422)
    expect((await daemon().ask('smollm2', 'Hi')).status).toBe(200)
  })
})

describe('a worker stopped by kill -STOP', () => {
  test('is noticed and replaced, and the request is answered by a fresh one', async () => {
    await daemon().ask('smollm2', 'Hi')
    const before = await daemon().workerPid('smollm2')
    await kill('SIGSTOP')
    const response = await daemon().ask('smollm2', 'Hi')
    expect(response.status).toBe(200)
    expect(await daemon().workerPid('smollm2')).not.toBe(before)
  })

  test('in the middle of a stream: an explicit error, not silence for ever', async () => {
    await daemon().ask('smollm2', 'Hi')
    const messages = [{ role: 'user', content: 'Write a long story about a stork.' }]
    const pieces = daemon().client.chat({ model: 'smollm2', messages, ...long })
    await pieces.next()
    await kill('SIGSTOP')
    let error: unknown
    try {
      for await (const piece of pieces) if (piece === '') break
    } catch (thrown) {
      error = thrown
    }
    expect(toErrorData(error).reason).toBe('engine-stuck')
  })
})

test('a client that leaves in the middle frees the engine for the next one', async () => {
  const leaving = new AbortController()
  const messages = [{ role: 'user', content: 'Write a long story about an owl.' }]
  const pieces = daemon().client.chat({ model: 'smollm2', messages, max_tokens: 2_000 }, leaving.signal)
  await pieces.next()
  leaving.abort()
  await pieces.next().catch(() => undefined)
  await expect.poll(async () => (await daemon().client.status()).queue.running).toBe(0)
  expect((await daemon().ask('smollm2', 'Hi')).status).toBe(200)
})

describe('the daemon itself', () => {
  test('killed by kill -9: its workers end with it, and the next one starts in the same folder', async () => {
    const home = await mkdtemp(join(tmpdir(), 'grym-home-'))
    const first = await Daemon.start({ models: models(), home })
    await first.ask('smollm2', 'Hi')
    const worker = (await first.workerPid('smollm2')) ?? 0
    await first.stop('SIGKILL')
    await expect.poll(() => isAlive(worker)).toBe(false)
    const second = await Daemon.start({ models: models(), home })
    expect((await second.ask('smollm2', 'Hi')).status).toBe(200)
    await second.stop()
    await rm(home, { recursive: true, force: true })
  })

  test('killed while its worker is stopped: the next start ends the worker', async () => {
    const home = await mkdtemp(join(tmpdir(), 'grym-home-'))
    const first = await Daemon.start({ models: models(), home })
    await first.ask('smollm2', 'Hi')
    const worker = (await first.workerPid('smollm2')) ?? 0
    process.kill(worker, 'SIGSTOP')
    await first.stop('SIGKILL')
    expect(await isAlive(worker)).toBe(true)
    const second = await Daemon.start({ models: models(), home })
    await expect.poll(() => isAlive(worker)).toBe(false)
    expect((await second.ask('smollm2', 'Hi')).status).toBe(200)
    await second.stop()
    await rm(home, { recursive: true, force: true })
  })

  test.each(['SIGINT', 'SIGTERM'] as const)('%s ends it with 0, and its workers with it', async (signal) => {
    const other = await Daemon.start({ models: models() })
    await other.ask('smollm2', 'Hi')
    const worker = (await other.workerPid('smollm2')) ?? 0
    expect(await other.stop(signal)).toBe(0)
    expect(await isAlive(worker)).toBe(false)
    await rm(other.home, { recursive: true, force: true })
  })
})

/** A process that has ended but whose new parent has not asked for its exit code (`Z`) is not alive. */
async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  return stat !== undefined && !stat.slice(stat.lastIndexOf(')')).startsWith(') Z')
}
