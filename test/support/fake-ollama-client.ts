import { setImmediate } from 'node:timers/promises'
import { FakeOllama, type FakeOllamaOptions } from '../../src/testing/fake-ollama.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'

type Json = Record<string, unknown>

/** An answer as it came: its status, and its body or its lines. */
export interface FakeReply {
  readonly status: number
  readonly type: string
  readonly text: string
  /** The body, or the last line. */
  readonly json: Json
  readonly lines: readonly Json[]
}

/** A fake server on a virtual clock, and how to ask it. */
export class FakeOllamaClient implements AsyncDisposable {
  readonly clock: VirtualClock
  readonly fake: FakeOllama

  private constructor(clock: VirtualClock, fake: FakeOllama) {
    this.clock = clock
    this.fake = fake
  }

  static async start(options: FakeOllamaOptions = {}): Promise<FakeOllamaClient> {
    const clock = new VirtualClock(Date.parse('2026-01-01T00:00:00Z'))
    return new FakeOllamaClient(clock, await FakeOllama.start({ ...options, clock }))
  }

  /** Asks and waits for the end; the clock stands, and only what is due now happens. */
  async ask(path: string, body?: unknown, init: RequestInit = {}): Promise<FakeReply> {
    return this.through(this.begin(path, body, init))
  }

  /** Asks; what has to happen meanwhile is up to the caller. */
  async begin(path: string, body?: unknown, init: RequestInit = {}): Promise<FakeReply> {
    const sent = typeof body === 'string' ? body : JSON.stringify(body)
    const response = await fetch(this.fake.url + path, {
      ...(body !== undefined && { method: 'POST', body: sent }),
      ...init,
    })
    const text = await response.text()
    const type = response.headers.get('content-type') ?? ''
    const written = type.includes('json') ? text.split('\n').filter(Boolean) : []
    const lines = written.map((line) => JSON.parse(line) as Json)
    const nothing: Json = {}
    return { status: response.status, type, text, json: lines.at(-1) ?? nothing, lines }
  }

  /** Waits for something while the clock stands. */
  async through<T>(promise: Promise<T>): Promise<T> {
    const waiting = new Set([promise])
    const settled = promise.finally(() => waiting.clear())
    await this.until(() => waiting.size === 0)
    return settled
  }

  /** Waits until something has become true while the clock stands. */
  async until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) {
      this.clock.runNext(this.clock.nowMs())
      await setImmediate()
    }
  }

  /** Moves the clock, with all that is due on the way. */
  async pass(durationMs: number): Promise<void> {
    await this.clock.advanceTo(this.clock.nowMs() + durationMs)
  }

  /** What `/api/ps` lists, the names only. */
  async names(): Promise<string[]> {
    return (await this.models()).map(({ name }) => String(name))
  }

  async models(): Promise<Json[]> {
    return (await this.ask('/api/ps')).json['models'] as Json[]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.fake.stop()
  }
}
