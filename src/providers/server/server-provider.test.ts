import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type ServerGround, serverGround, type ServerGroundOptions } from '../../../test/support/server-ground.ts'
import { TemporaryFolder } from '../../../test/support/system-ground.ts'
import type { ResourceError } from '../../spec/errors.ts'
import type { EngineLoss } from '../../spec/provider.ts'
import { groupMembers } from '../../system/process-group.ts'
import { WorkerRegistry } from '../../system/worker-registry.ts'
import { ask, drain, never, read, rejects } from '../../testing/contract-check.ts'

async function ground(options: ServerGroundOptions = {}): Promise<ServerGround> {
  const made = await serverGround(options)
  onTestFinished(() => made[Symbol.asyncDispose]())
  return made
}

/** A shell in the place of the server. */
function shell(script: string, more: ServerGroundOptions['run'] = {}): ServerGroundOptions {
  return { run: { command: ['/bin/sh', '-c', script], ...more } }
}

describe('a server that starts', () => {
  test('is found to be a llama-server, and counts exactly while it runs', async () => {
    const { provider, model } = await ground({ args: ['--slot-save-path', '/tmp'] })
    const { messages } = ask('how many?', 1)
    await rejects('counting-unsupported', provider.countTokens(model, messages, never()))
    expect(provider.featuresOf(model.id)).toBeUndefined()
    await provider.load({ ...model, parallel: 2 }, never())
    expect(provider.featuresOf(model.id)).toMatchObject({
      isLlamaServer: true,
      contextTokens: 512,
      slots: 2,
      canSaveState: true,
      canCountTokens: true,
      hasVision: false,
    })
    const end = (await read(provider.generate(model.id, ask('how many?', 1), never()))).at(-1)
    expect(end?.type === 'end' && end.usage.promptTokens).toBe(await provider.countTokens(model, messages, never()))
    const options = { tools: [{ name: 'add' }], toolChoice: 'auto', thinking: false } as const
    const called = (await read(provider.generate(model.id, { ...ask('how many?', 1), ...options }, never()))).at(-1)
    const counted = await provider.countTokens(model, messages, never(), options)
    expect(called?.type === 'end' && called.usage.promptTokens).toBe(counted)
    expect(counted).toBeGreaterThan(await provider.countTokens(model, messages, never()))
    const images = [{ mimeType: 'image/png', base64: '' }]
    const seen = provider.countTokens(model, [{ role: 'user', content: 'x', images }], never())
    await rejects('counting-unsupported', seen)
  })

  test('is left at OpenAI’s own API when it is said to be something else', async () => {
    const { provider, model } = await ground({ plan: { engine: 'other' } })
    const { contextTokens } = await provider.load(model, never())
    expect(provider.featuresOf(model.id)).toMatchObject({ isLlamaServer: false, canCountTokens: false })
    expect(contextTokens).toBe(model.contextTokens)
    await rejects('counting-unsupported', provider.countTokens(model, ask('x', 1).messages, never()))
  })

  test('is measured with all of its processes, and its weights are known', async () => {
    const { provider, model } = await ground()
    const { footprint, heldFileBytes, pid } = await provider.load(model, never())
    expect(footprint).toEqual({ bytes: expect.any(Number) as unknown, source: 'measured' })
    expect(footprint.bytes).toBeGreaterThan(5_000_000)
    expect(heldFileBytes).toBe('GGUF a'.length)
    expect(pid).toBeGreaterThan(0)
    expect(await provider.measure(model.id)).toMatchObject({ source: 'measured' })
  })

  test('that cannot be measured takes what was estimated', async () => {
    const processMeter = {
      read: async () => undefined,
      preferAsOomVictim: async () => {},
      oomKillCount: async () => undefined,
    }
    const { provider, model } = await ground({ provider: { processMeter } })
    expect((await provider.load(model, never())).footprint).toEqual({ bytes: 6_000, source: 'estimated' })
  })

  test('may be started by a shell: all that it starts goes with it', async () => {
    const fake = (await serverCommand()).map((word) => `'${word}'`).join(' ')
    const options = shell(`${fake} & wait`, { environment: { PATH: process.env['PATH'], PORT: '${port}' } })
    const { provider, model, alive } = await ground(options)
    const { pid } = await provider.load(model, never())
    await read(provider.generate(model.id, ask('x', 4), never()))
    await provider.unload(model.id)
    expect(alive.size).toBe(0)
    expect(groupMembers(Number(pid))).toEqual([])
  })

  test('that dies below its shell is lost, and nothing of it is left', async () => {
    const fake = (await serverCommand()).map((word) => `'${word}'`).join(' ')
    const options = shell(`${fake} --fake-crash-after-tokens 3 & sleep 600 & wait %1; exit 7`)
    const { provider, model, alive } = await ground(options)
    const losses: EngineLoss[] = []
    provider.onEngineLost((loss) => losses.push(loss))
    await provider.load(model, never())
    await rejects('engine-lost', read(provider.generate(model.id, ask('x', 50), never())))
    expect(losses).toMatchObject([{ engineKey: model.engineKey, cause: 'crashed', detail: 'exit code 7' }])
    expect(alive.size).toBe(0)
  })

  test('that gives up for lack of memory is lost for that', async () => {
    const fake = (await serverCommand()).map((word) => `'${word}'`).join(' ')
    const last = 'echo "CUDA error: out of memory" >&2; exit 1'
    const { provider, model } = await ground(shell(`${fake} --fake-crash-after-tokens 3; ${last}`))
    const losses: EngineLoss[] = []
    provider.onEngineLost((loss) => losses.push(loss))
    await provider.load(model, never())
    await rejects('engine-lost', read(provider.generate(model.id, ask('x', 50), never())))
    expect(losses).toMatchObject([{ cause: 'out-of-memory' }])
  })

  test('does not outlive a killed program beyond the next start, nor does what it started', async () => {
    await using state = await TemporaryFolder.make({ 'a.gguf': 'GGUF a' })
    const program = spawn(process.execPath, ['--input-type=module', '-e', KILLED_PROGRAM, state.path], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, TMPDIR: state.path },
    })
    onTestFinished(() => void program.kill('SIGKILL'))
    const [printed] = (await once(program.stdout, 'data')) as [Buffer]
    const groupId = Number(printed.toString())
    const ended = once(program, 'exit')
    program.kill('SIGKILL')
    await ended
    const members = (): readonly number[] => groupMembers(groupId) ?? []
    expect(members().length).toBeGreaterThanOrEqual(2)
    expect(await new WorkerRegistry(state.path).reap()).toEqual([groupId])
    while (members().length > 0) await new Promise((resolve) => setImmediate(resolve))
  })

  test('keeps its last lines, also after it has ended', async () => {
    const { provider, model } = await ground()
    expect(provider.log(model.id)).toBeUndefined()
    await provider.load(model, never())
    expect(provider.log(model.id)?.join('\n')).toContain('model loaded')
    await provider.unload(model.id)
    expect(provider.log(model.id)?.join('\n')).toContain('model loaded')
  })

  test('gets its key and grym’s mark with every request', async () => {
    const options = { args: ['--api-key', 'k3y'], plan: { key: 'k3y' }, provider: { headers: { 'x-mark': 'm' } } }
    const { provider, model } = await ground(options)
    await provider.load(model, never())
    expect(await read(provider.generate(model.id, ask('x', 2), never()))).toHaveLength(3)
    const wrong = await ground({ args: ['--api-key', 'k3y'], plan: { key: 'other' } })
    await wrong.provider.load(wrong.model, never())
    await rejects('engine-refused', read(wrong.provider.generate(wrong.model.id, ask('x', 2), never())))
  })

  test('embeds when that is what it does', async () => {
    const { provider, model } = await ground({ args: ['--embeddings', '--pooling', 'mean'] })
    await provider.load(model, never())
    const { vectors } = await provider.embed(model.id, ['one', 'two', 'one'], never())
    expect(vectors).toHaveLength(3)
    expect(vectors[0]).toEqual(vectors[2])
    await rejects('request-cancelled', provider.embed(model.id, ['x'], AbortSignal.abort()))
  })
})

describe('a server that does not start', () => {
  test.each<[string, ServerGroundOptions, string, string]>([
    ['is not there', { run: { command: ['no-such-program', '${port}'] } }, 'server-start-failed', 'no program'],
    ['may not be run', { run: { command: ['/etc/passwd'] } }, 'server-start-failed', 'cannot be run'],
    ['ends', shell('echo "what is this?" >&2; exit 3'), 'server-start-failed', '(exit code 3). It said: what is this?'],
    ['ends well', shell('exit 0'), 'server-start-failed', '(exit code 0)'],
    ['is killed', shell('kill -9 $$'), 'engine-lost', 'signal SIGKILL'],
    ['knows no such flag', shell('echo "error: invalid argument: --x" >&2; exit 1'), 'server-start-failed', '--x'],
    ['has no memory', { args: ['--fake-out-of-memory'] }, 'out-of-memory', 'did not start'],
    ['has a damaged file', { args: ['--fake-load-failure', 'corrupt'] }, 'model-file-corrupt', 'did not start'],
    [
      'is of an unknown kind',
      { args: ['--fake-load-failure', 'unknown-architecture'] },
      'architecture-unsupported',
      '',
    ],
    ['is never ready', { args: ['--fake-load-stuck'], run: { startDeadlineMs: 600 } }, 'load-timeout', 'within 0.6 s'],
    ['is silent', shell('sleep 600', { startDeadlineMs: 100 }), 'load-timeout', 'startDeadline'],
  ])('because it %s', async (_, options, reason, words) => {
    const { provider, model, alive } = await ground(options)
    const losses: EngineLoss[] = []
    provider.onEngineLost((loss) => losses.push(loss))
    const failure = await provider.load(model, never()).catch((error: unknown) => error)
    expect(failure).toMatchObject({ reason, message: expect.stringContaining(words) as unknown })
    expect(alive.size).toBe(0)
    expect(losses).toEqual([])
  })

  test('because it refuses the question whether it is ready, at once and in the words for that', async () => {
    const refusing = (healthStatus: number): ServerGroundOptions => ({
      run: {
        command: [process.execPath, '-e', REFUSING_SERVER, '${port}', String(healthStatus)],
        startDeadlineMs: 2_000,
      },
    })
    const locked = await ground(refusing(404))
    const refused = await locked.provider.load(locked.model, never()).catch((error: unknown) => error)
    expect(refused).toMatchObject({ reason: 'engine-refused', details: { path: '/v1/models', status: 401 } })
    const busy = await ground(refusing(503))
    const late = await busy.provider.load(busy.model, never()).catch((error: unknown) => error)
    const message = expect.stringContaining('answered /health with status 503') as unknown
    expect(late).toMatchObject({ reason: 'load-timeout', message })
  })

  test('with no more of its output in the error than its last lines', async () => {
    const { provider, model } = await ground(shell('seq -f "%01000g" 600; exit 1'))
    const failure = (await provider.load(model, never()).catch((error: unknown) => error)) as ResourceError
    const log = String(failure.details?.['log'])
    expect(log).toMatch(/600$/)
    expect(log.length).toBeLessThanOrEqual(4_000)
    expect(provider.log(model.id)).toHaveLength(500)
  })

  test('because the kernel killed it for lack of memory', async () => {
    let kills = 0
    const processMeter = {
      read: async () => undefined,
      preferAsOomVictim: async () => {},
      oomKillCount: async () => kills++,
    }
    const { provider, model } = await ground({ ...shell('kill -9 $$'), provider: { processMeter } })
    await expect(provider.load(model, never())).rejects.toMatchObject({ reason: 'out-of-memory' })
  })

  test('because somebody else has its port, whoever that is', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    onTestFinished(() => void other.close())
    await new Promise((resolve) => other.once('listening', resolve))
    const { port } = other.address() as { port: number }
    const { provider, model, alive } = await ground({ run: { port } })
    const failure = await provider.load(model, never()).catch((error: unknown) => error)
    expect(failure).toMatchObject({ reason: 'port-in-use', details: { port } })
    expect(alive.size).toBe(0)
  })

  test('is not even started when whoever asked has left meanwhile', async () => {
    const leaving = new AbortController()
    const spawned: number[] = []
    const processMeter = {
      read: async () => undefined,
      preferAsOomVictim: async () => {},
      async oomKillCount() {
        leaving.abort()
        await new Promise((resolve) => setImmediate(resolve))
        return undefined
      },
    }
    const onSpawned = (pid: number): void => void spawned.push(pid)
    const { provider, model } = await ground({ ...shell('sleep 600'), provider: { processMeter, onSpawned } })
    await rejects('request-cancelled', provider.load(model, leaving.signal))
    await provider.dispose()
    expect(spawned).toEqual([])
  })

  test('leaves nothing of a shell and what it started when nobody waits any more', async () => {
    const { provider, model, alive } = await ground(shell('sleep 600 & sleep 600'))
    const leaving = new AbortController()
    const load = provider.load(model, leaving.signal)
    while (alive.size === 0) await new Promise((resolve) => setImmediate(resolve))
    const [pid] = alive
    leaving.abort()
    await rejects('request-cancelled', load)
    expect(alive.size).toBe(0)
    expect(groupMembers(Number(pid))).toEqual([])
  })
})

describe('a server that is stopped', () => {
  test('has its own command run first, with its port and its pid', async () => {
    await using folder = await TemporaryFolder.make()
    const stop = [
      '/bin/sh',
      '-c',
      `echo "$1 $2" > '${folder.at('stopped')}'; kill -9 "$2"`,
      'stop',
      '${port}',
      '${pid}',
    ]
    const { provider, model } = await ground({ run: { stop } })
    const { pid } = await provider.load(model, never())
    const startedAtMs = performance.now()
    await provider.unload(model.id)
    expect(performance.now() - startedAtMs).toBeLessThan(4_000)
    expect(await readFile(folder.at('stopped'), 'utf8')).toMatch(new RegExp(`^\\d+ ${pid}\\n$`))
  })

  test('has its own command run in its own surroundings, also when it died by itself, before it is loaded again', async () => {
    await using folder = await TemporaryFolder.make()
    // What a client of a container leaves behind is known by the port alone.
    const stop = ['/bin/sh', '-c', 'sleep 0.2; echo "$MARK" >> stopped; echo "no such container" >&2; exit 1']
    const environment = { PATH: process.env['PATH'], MARK: 'port ${port}' }
    const { provider, model, crash } = await ground({ run: { stop, environment, cwd: folder.path } })
    const lost = new Promise<EngineLoss>((resolve) => provider.onEngineLost(resolve))
    await provider.load(model, never())
    await crash(model)
    expect(await lost).toMatchObject({ cause: 'crashed' })
    await provider.load(model, never())
    expect(await readFile(folder.at('stopped'), 'utf8')).toMatch(/^port \d+\n$/)
    await provider.unload(model.id)
    expect(provider.log(model.id)?.at(-1)).toBe('grym: the stop command failed: no such container')
  })

  test('is told to end before dispose returns, and has its grace though nobody waits', async () => {
    await using folder = await TemporaryFolder.make({ 'a.gguf': 'GGUF a' })
    const program = spawn(process.execPath, ['--input-type=module', '-e', ENDING_PROGRAM, folder.path], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, TMPDIR: folder.path },
    })
    onTestFinished(() => void program.kill('SIGKILL'))
    const [printed] = (await once(program.stdout, 'data')) as [Buffer]
    await once(program, 'exit')
    expect(groupMembers(Number(printed.toString()))).toEqual([])
    expect(await readFile(folder.at('cleaned'), 'utf8')).toBe('up\n')
  })

  test('loses its answers first: one with an open stream obeys no signal', async () => {
    const { provider, model, alive } = await ground({ args: ['--fake-token-delay', '50', '--sse-ping-interval', '30'] })
    await provider.load(model, never())
    const answer = provider.generate(model.id, ask('x', 400), never())[Symbol.asyncIterator]()
    await answer.next()
    const ended = rejects('engine-lost', drain(answer))
    const startedAtMs = performance.now()
    await provider.unload(model.id)
    await ended
    expect(performance.now() - startedAtMs).toBeLessThan(4_000)
    expect(alive.size).toBe(0)
  })
})

/** Loads a model of a server below a shell, tells the group, and stays. */
const KILLED_PROGRAM = `
import { serverGround } from ${JSON.stringify(import.meta.resolve('../../../test/support/server-ground.ts'))}
import { WorkerRegistry } from ${JSON.stringify(import.meta.resolve('../../system/worker-registry.ts'))}
const [, state] = process.argv
const registry = new WorkerRegistry(state)
const fake = ${JSON.stringify(new URL('../../testing/fake-llama-server.ts', import.meta.url).pathname)}
const line = "'" + process.execPath + "' '" + fake + "' --port \${port} -m '" + state + "/a.gguf' & wait"
let added
const { provider, model } = await serverGround({
  run: { command: ['/bin/sh', '-c', line] },
  provider: { onSpawned: (pid) => (added = registry.add(pid)) },
})
setInterval(() => {}, 1_000_000)
const { pid } = await provider.load(model, new AbortController().signal)
await added
console.log(pid)
`

/** Answers `/health` with the status that it is given, and everything else with 401. */
const REFUSING_SERVER = `
const [, port, status] = process.argv
const serve = ({ url }, response) => response.writeHead(url === '/health' ? Number(status) : 401).end()
require('node:http').createServer(serve).listen(Number(port), '127.0.0.1')
`

/** Loads a model of a server that cleans up for a while when it is told to end, and disposes of it without waiting. */
const ENDING_PROGRAM = `
import { serverGround } from ${JSON.stringify(import.meta.resolve('../../../test/support/server-ground.ts'))}
const [, folder] = process.argv
const fake = ${JSON.stringify(new URL('../../testing/fake-llama-server.ts', import.meta.url).pathname)}
const server = "'" + process.execPath + "' '" + fake + "' --port \${port} -m '" + folder + "/a.gguf'"
const line = "trap 'sleep 0.3; echo up > " + folder + "/cleaned; exit 0' TERM; " + server + " & wait; wait"
const { provider, model } = await serverGround({ run: { command: ['/bin/sh', '-c', line] } })
const guard = setInterval(() => {}, 1_000_000)
const { pid } = await provider.load(model, new AbortController().signal)
console.log(pid)
clearInterval(guard)
void provider.dispose()
`

/** The fake as a shell can start it; the port comes from its environment or its own words. */
async function serverCommand(): Promise<string[]> {
  const folder = await TemporaryFolder.make({ 'a.gguf': 'GGUF a' })
  onTestFinished(() => folder[Symbol.asyncDispose]())
  const fake = new URL('../../testing/fake-llama-server.ts', import.meta.url).pathname
  return [process.execPath, fake, '--port', '${port}', '-m', folder.at('a.gguf'), '-c', '512', '-np', '1']
}
