import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import type { ScriptedManager } from '../src/testing/scripted-manager.ts'
import { begin, finish } from '../src/testing/scripted-manager.ts'
import { type FuzzedRoute, type HostileRequest, hostileRequest } from './fuzz/hostile-request.ts'
import { faultOf } from './fuzz/http-answer.ts'
import { RawClient } from './support/raw-client.ts'
import { ServedManager } from './support/served-manager.ts'

const SEED = 1
const REQUESTS = 10_000
/** Until then everything that is compiled and kept once is there. */
const WARM_UP_REQUESTS = 3_000
const AT_ONCE = 16
const ANSWER_WITHIN_MS = 5_000
/** What the heap may grow by over 7,000 requests after the warm-up; a kept body or connection a request is 10 times as much. */
const MAX_GROWTH_BYTES = 8_000_000

interface Fault {
  readonly name: string
  readonly fault: string
  readonly answer: string
}

test(
  `${REQUESTS} malformed or hostile requests are answered in order, and nothing of them is left`,
  { timeout: 300_000 },
  async () => {
    const routes: FuzzedRoute[] = []
    await using served = await ServedManager.start({
      maxBodyBytes: 60_000,
      onRoute: ({ method, url }) => routes.push(...[method].flat().map((each) => ({ method: each, path: url }))),
    })
    answerAtOnce(served.manager)
    expect(routes.length).toBeGreaterThan(20)
    const faults: Fault[] = []
    const run = async (from: number, to: number): Promise<number> => {
      let next = from
      const ask = async (): Promise<void> => {
        while (next < to && faults.length < 10)
          faults.push(...(await askOne(served.url, hostileRequest(SEED, next++, routes))))
      }
      await Promise.all(Array.from({ length: AT_ONCE }, ask))
      forget(served)
      return heapBytes()
    }
    const before = await run(0, WARM_UP_REQUESTS)
    const after = await run(WARM_UP_REQUESTS, REQUESTS)
    expect(faults).toEqual([])
    expect(after - before).toBeLessThan(MAX_GROWTH_BYTES)
    expect(Object.keys(Object.prototype)).toEqual([])
    expect(served.manager.followers.size).toBe(0)
    const health = await fetch(`${served.url}/health`, { headers: { connection: 'close' } })
    expect(health.status).toBe(200)
  },
)

/** What does not depend on who answers is what is tried: each question gets a short answer. */
function answerAtOnce(manager: ScriptedManager): void {
  const infer = manager.infer.bind(manager)
  manager.infer = (request, signal) => {
    const answer = infer(request, signal)
    for (const asked of manager.asked.splice(0)) {
      begin(asked)
      asked.answer.push({ type: 'text', text: 'hi' })
      finish(asked)
    }
    return answer
  }
}

/** What the scripted services remember of what they were asked. */
function forget({ services, manager }: ServedManager): void {
  services.calls.length = 0
  manager.pins.length = 0
  manager.allocations.length = 0
}

async function askOne(url: string, { name, bytes, leaves }: HostileRequest): Promise<Fault[]> {
  await using client = await RawClient.open(url)
  client.send(bytes)
  if (leaves) client.socket.end()
  const isAnswered = await client.closedWithin(ANSWER_WITHIN_MS)
  const answer = client.text
  // Whoever left need not be answered; what is said to it before is looked at only when whole.
  if (leaves) return isAnswered ? [] : [{ name, fault: 'the connection stays open', answer }]
  const fault = isAnswered ? faultOf(bytes.toString('latin1'), answer) : 'no end of the answer'
  return fault === undefined ? [] : [{ name, fault, answer: answer.slice(0, 600) }]
}

function heapBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().heapUsed
}
