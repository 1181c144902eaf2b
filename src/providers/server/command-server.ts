import type { Clock } from '../../spec/clock.ts'
import { type ResourceError, resourceError } from '../../spec/errors.ts'
import type { EngineLoss } from '../../spec/provider.ts'
import type { ProcessMeter } from '../../spec/system.ts'
import { ProcessGroup, type ProcessGroupOptions } from '../../system/process-group.ts'
import type { ProcessOutput } from '../../system/process-output.ts'
import { runTool } from '../../system/run-tool.ts'
import { givenUp } from '../giving-up.ts'
import { classifyLlamaCppFailure } from '../llama-cpp-failure.ts'
import { EngineHttp } from '../openai/engine-http.ts'
import { freePort, isFreePort } from './free-port.ts'
import { headersOf, isGood, ServerConnection } from './server-connection.ts'
import { type CommandRun, filledIn, type ServerPlan } from './server-plan.ts'
import { type HealthReply, isKeyRefused, keyRefused, notReadyInTime, portInUse, startFailure } from './start-failure.ts'

/** How often a server that starts is asked whether it is ready: what is waited here is waited at every load, ms. */
const READY_INTERVAL_MS = 25
/** How long one such question may take, ms. */
const READY_DEADLINE_MS = 2_000
/** How long a server may take to end by itself, its requests gone, ms; an idle llama-server takes 32–77 ms (measured). */
const STOP_GRACE_MS = 5_000
/** How long the command may take that stops it, ms. */
const STOP_COMMAND_DEADLINE_MS = 30_000
/** How long the end of a process may follow that of its connections, ms. */
const END_FOLLOWS_MS = 2_000
/** Starts on another port when somebody has taken the free one meanwhile. */
const MAX_STARTS = 3

/** Lines in which the reason of an end is looked for: what it said long before was no reason. */
const LAST_LINES = 20

export type Loss = Pick<EngineLoss, 'cause' | 'detail'>

export interface CommandServerOptions {
  readonly clock: Clock
  readonly processMeter: ProcessMeter
  readonly plan: ServerPlan
  readonly run: CommandRun
  readonly headers?: Readonly<Record<string, string>>
  readonly healthDeadlineMs?: number | undefined
  readonly onSpawned?: ((pid: number) => void) | undefined
  readonly onExited?: ((pid: number) => void) | undefined
  /** It ended without being asked to, after it was ready; its requests are told right after. */
  readonly onLost: (loss: Loss) => void
}

/** One command that serves: how it starts, is reached, ends, and what its end means. */
export class CommandServer {
  readonly #options: CommandServerOptions
  #group: ProcessGroup | undefined
  #port = 0
  #connection: ServerConnection | undefined
  #stuck: string | undefined
  #isEnding = false
  #oomKillsAtStart: number | undefined
  /** Resolves once its loss was told. */
  readonly #over = Promise.withResolvers<Loss>()
  #isOver = false
  /** Resolves once nothing of it is left, what only its own command can stop among it. */
  readonly #gone = Promise.withResolvers<void>()
  #stopCommand: Promise<void> | undefined

  constructor(options: CommandServerOptions) {
    this.#options = options
  }

  get connection(): ServerConnection {
    if (!this.#connection) throw new Error('The server is not ready.')
    return this.#connection
  }

  get pid(): number | undefined {
    return this.#group?.pid
  }

  get output(): ProcessOutput | undefined {
    return this.#group?.output
  }

  get isOver(): boolean {
    return this.#isOver || this.#isEnding
  }

  /** Resolves once nothing of a server that was ready is left: that may be later than its loss is told. */
  get gone(): Promise<void> {
    return this.#gone.promise
  }

  /** Resolves when it is ready. Rejected, it has left nothing behind. */
  async start(signal: AbortSignal): Promise<void> {
    for (let starts = 1; ; starts++) {
      try {
        return await this.#startOnce(signal)
      } catch (error) {
        const isTaken = error instanceof Error && 'reason' in error && error.reason === 'port-in-use'
        if (!isTaken || this.#options.run.port !== 0 || starts >= MAX_STARTS) throw error
      }
    }
  }

  /** What all of its processes take; `undefined` = it cannot be read. */
  async bytes(): Promise<number | undefined> {
    const { processMeter } = this.#options
    const pids = this.#group?.pids() ?? []
    const read = await Promise.all(pids.map((pid) => processMeter.read(pid, { withPss: true })))
    const known = read.flatMap((memory) => (memory ? [memory.pssBytes ?? memory.rssBytes] : []))
    return known.length === 0 ? undefined : known.reduce((sumBytes, bytes) => sumBytes + bytes, 0)
  }

  /**
   * Ends its requests, then its processes; resolves when they are gone. Not a loss: nobody is told. Requests come first,
   * because a llama-server with an open stream does not obey a SIGTERM.
   */
  async stop(): Promise<void> {
    this.#isEnding = true
    await this.#connection?.close()
    await this.#endProcesses(STOP_GRACE_MS)
    // Whoever keeps a list of processes hears of it before anybody counts on their being gone.
    await Promise.race([this.#over.promise, this.#passes(END_FOLLOWS_MS)])
  }

  /** Tells it to end before this returns, unless it has a command for that; `stop` has to follow. */
  ask(): void {
    this.#isEnding = true
    if (!this.#options.run.stop) this.#group?.ask()
  }

  /**
   * What an answer that broke off is told as: its process may have ended, which shows a little later, and a server that is
   * silent for too long and does not answer to `health` is ended.
   */
  async explainBreak(error: ResourceError): Promise<ResourceError> {
    if (this.#isEnding) return this.#lossError({ cause: 'crashed', detail: 'it was unloaded' })
    if (error.reason === 'engine-stuck' && !this.#isOver) {
      this.#stuck ??= 'no word from it, and none when it was asked whether it lives'
      await this.#group?.stop(0)
    }
    const loss = await Promise.race([this.#over.promise, this.#passes(END_FOLLOWS_MS)])
    return loss ? this.#lossError(loss) : error
  }

  async #startOnce(signal: AbortSignal): Promise<void> {
    const { clock, plan, run, processMeter, headers, healthDeadlineMs } = this.#options
    if (signal.aborted) throw givenUp()
    this.#port = run.port === 0 ? await freePort() : run.port
    // Whoever listens there already would be taken for it.
    if (!(await isFreePort(this.#port))) throw portInUse(plan.title, this.#port)
    this.#oomKillsAtStart = await processMeter.oomKillCount()
    if (signal.aborted) throw givenUp()
    const group = this.#spawn()
    try {
      const path = await this.#untilReady(group, signal)
      const rootUrl = `http://127.0.0.1:${this.#port}`
      this.#connection = await ServerConnection.open(
        {
          clock,
          plan,
          baseUrl: `${rootUrl}/v1`,
          healthUrl: `${rootUrl}${path}`,
          healthDeadlineMs,
          onBrokenOff: (error) => this.explainBreak(error),
          ...(headers && { headers }),
        },
        signal,
      )
      if (signal.aborted) throw givenUp()
      if (group.end) throw await this.#startFailure(group)
    } catch (error) {
      await this.#abandon(group)
      throw error
    }
    void group.ended.then(() => this.#noteEnd(group))
  }

  #spawn(): ProcessGroup {
    const { clock, run, processMeter, onSpawned } = this.#options
    const command = run.command.map((word) => filledIn(word, { port: this.#port }))
    const group = new ProcessGroup({ clock, command, ...this.#surroundings() })
    this.#group = group
    this.#stopCommand = undefined
    if (group.pid !== undefined) {
      onSpawned?.(group.pid)
      void processMeter.preferAsOomVictim(group.pid)
    }
    return group
  }

  /** What its command runs in, and the one that stops it. */
  #surroundings(): Pick<ProcessGroupOptions, 'environment' | 'cwd'> {
    const { environment, cwd } = this.#options.run
    const filled = Object.entries(environment).map(([name, value]) => [
      name,
      value && filledIn(value, { port: this.#port }),
    ])
    return {
      environment: Object.fromEntries(filled) as Record<string, string | undefined>,
      ...(cwd !== undefined && { cwd }),
    }
  }

  /** @returns the path that answered well. */
  async #untilReady(group: ProcessGroup, signal: AbortSignal): Promise<string> {
    const { clock, plan, run } = this.#options
    const http = new EngineHttp({ engine: plan.title, clock, headers: headersOf(this.#options) })
    const stop = new AbortController()
    const deadline = clock.setTimer(run.startDeadlineMs, () => stop.abort('deadline'))
    const abort = (): void => stop.abort('given up')
    signal.addEventListener('abort', abort, { once: true })
    // What has happened already is not told to a listener.
    if (signal.aborted) abort()
    void group.ended.then(() => stop.abort('ended'))
    let path = run.healthPath
    let lastReply: HealthReply | undefined
    try {
      while (!stop.signal.aborted) {
        const status = await http.status(`http://127.0.0.1:${this.#port}${path}`, READY_DEADLINE_MS, stop.signal)
        if (isGood(status)) return path
        if (status !== undefined) lastReply = { path, status }
        // No wait changes that.
        if (lastReply && isKeyRefused(status)) throw keyRefused(plan.title, lastReply)
        if (status === 404 && path !== MODELS_PATH) path = MODELS_PATH
        else await this.#passes(READY_INTERVAL_MS)
      }
      if (stop.signal.reason === 'ended') throw await this.#startFailure(group)
      if (stop.signal.reason === 'deadline') {
        throw notReadyInTime(plan.title, run.startDeadlineMs, group.output, lastReply)
      }
      throw givenUp()
    } finally {
      deadline.cancel()
      signal.removeEventListener('abort', abort)
      await http.close()
    }
  }

  async #startFailure(group: ProcessGroup): Promise<ResourceError> {
    const { plan, run } = this.#options
    const end = await group.ended
    const isOutOfMemory = isKilled(group) && (await this.#wasOutOfMemory())
    return startFailure({ title: plan.title, command: run.command, end, output: group.output, isOutOfMemory })
  }

  async #abandon(group: ProcessGroup): Promise<void> {
    await this.#connection?.close()
    this.#connection = undefined
    await this.#endProcesses(0)
    if (group.pid !== undefined) this.#options.onExited?.(group.pid)
  }

  /** Its own command first, where there is one: a container is not ended by signals to what started it. */
  async #endProcesses(graceMs: number): Promise<void> {
    const group = this.#group
    if (!group || group.pid === undefined) return
    await this.#runStopCommand(group)
    await group.stop(graceMs)
  }

  /** Once for each start, whoever is first to want it. How it fails is told in the server's log: signals follow anyway. */
  async #runStopCommand(group: ProcessGroup): Promise<void> {
    const { stop } = this.#options.run
    if (!stop) return
    this.#stopCommand ??= (async () => {
      const { environment, cwd } = this.#surroundings()
      const [program = '', ...args] = stop.map((word) => filledIn(word, { port: this.#port, pid: group.pid ?? 0 }))
      const ran = await runTool(program, args, STOP_COMMAND_DEADLINE_MS, { environment, cwd })
      if (ran.state === 'done') return
      const why = ran.state === 'absent' ? `there is no program '${program}' that can be run` : ran.why
      group.output.note(`grym: the stop command failed: ${why}`)
    })()
    await this.#stopCommand
  }

  /** The program ended; what it started must not outlive it. */
  async #noteEnd(group: ProcessGroup): Promise<void> {
    const wasAsked = this.#isEnding
    this.#isOver = true
    const loss = await this.#explainEnd(group)
    await group.stop(0)
    if (group.pid !== undefined) this.#options.onExited?.(group.pid)
    if (!wasAsked) this.#options.onLost(loss)
    this.#over.resolve(loss)
    await this.#connection?.close()
    // After the loss is told, because a container may take long to stop: answers wait for the one, loads for the other.
    await this.#runStopCommand(group)
    this.#gone.resolve()
  }

  async #explainEnd(group: ProcessGroup): Promise<Loss> {
    if (this.#stuck !== undefined) return { cause: 'stuck', detail: this.#stuck }
    const { signal, code } = group.end ?? { signal: null, code: null }
    const detail = signal ? `signal ${signal}` : `exit code ${code ?? 'unknown'}`
    const isOutOfMemory = isKilled(group) ? await this.#wasOutOfMemory() : gaveUpForMemory(group)
    return { cause: isOutOfMemory ? 'out-of-memory' : 'crashed', detail }
  }

  async #wasOutOfMemory(): Promise<boolean> {
    const after = await this.#options.processMeter.oomKillCount()
    return after !== undefined && this.#oomKillsAtStart !== undefined && after > this.#oomKillsAtStart
  }

  #lossError({ cause, detail }: Loss): ResourceError {
    const { title } = this.#options.plan
    const log = this.output?.tail ?? ''
    return resourceError(
      cause === 'stuck' ? 'engine-stuck' : 'engine-lost',
      `The process of ${title} ended (${detail}). Send the request again.`,
      { details: { cause, detail, log } },
    )
  }

  #passes(delayMs: number): Promise<undefined> {
    return new Promise((resolve) => void this.#options.clock.setTimer(delayMs, () => resolve(undefined)))
  }
}

const MODELS_PATH = '/v1/models'

/** What it printed last says that it found no memory, its own or a GPU's. */
function gaveUpForMemory({ output }: ProcessGroup): boolean {
  const failure = classifyLlamaCppFailure(output.lines.slice(-LAST_LINES).join('\n'))
  return failure?.reason === 'out-of-memory' || failure?.reason === 'gpu-out-of-memory'
}

/** By the kernel or anyone else; a shell tells of its child by 128 + 9. */
function isKilled({ end }: ProcessGroup): boolean {
  return end?.signal === 'SIGKILL' || end?.code === 137
}
