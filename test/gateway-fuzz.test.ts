import { connect, type Socket } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hostileRequest, type RouteUnderTest } from './support/hostile-request.ts'
import { Random } from './simulation/random.ts'
import { begin, finish } from '../src/testing/scripted-manager.ts'
import { ServedManager } from './support/served-manager.ts'

const REQUESTS = 10_000
const CONNECTIONS = 8
const SEED = 20_261_128
/** What a whole round may leave behind: the parser's and the router's warm state, nothing per request. */
const MOST_GROWTH_BYTES = 16_777_216
const ANSWER_WITHIN_MS = 5_000

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

let served: ServedManager
let isOver = false
const routes: RouteUnderTest[] = []

beforeAll(async () => {
  served = await ServedManager.start({ maxBodyBytes: 65_536, onRoute: (route) => routes.push(route) })
  void answerAll()
})
afterAll(() => served[Symbol.asyncDispose]())

/** What gets through the checks is answered at once. */
async function answerAll(): Promise<void> {
  while (!isOver) {
    const asked = await served.manager.next()
    served.manager.asked.length = 0
    begin(asked)
    asked.answer.push({ type: 'text', text: 'ok' })
    finish(asked)
  }
}

interface Reply {
  readonly status: number
  readonly type: string
  readonly body: string
}

/** Everything that comes until the other side hangs up, or has answered what was sent. */
function exchange(bytes: Buffer): Promise<readonly Reply[]> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(Number(new URL(served.url).port), '127.0.0.1')
    const received: Buffer[] = []
    const timer = setTimeout(() => {
      socket.destroy()
      reject(
        new Error(`no end within ${ANSWER_WITHIN_MS} ms to ${JSON.stringify(bytes.toString('latin1').slice(0, 500))}`),
      )
    }, ANSWER_WITHIN_MS)
    const end = (): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(repliesOf(Buffer.concat(received)))
    }
    socket.on('data', (piece: Buffer) => received.push(piece))
    socket.on('close', end)
    // A reset while we still send is the other side hanging up; what it said before counts.
    socket.on('error', end)
    socket.end(bytes)
  })
}

function repliesOf(bytes: Buffer): Reply[] {
  const replies: Reply[] = []
  let rest = bytes
  while (rest.length > 0) {
    const headEnd = rest.indexOf('\r\n\r\n')
    const head = rest.subarray(0, headEnd).toString('latin1')
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1])
    if (headEnd < 0 || Number.isNaN(status))
      throw new Error(`no HTTP: ${JSON.stringify(rest.toString('latin1').slice(0, 300))}`)
    const field = (name: string): string => new RegExp(`^${name}: *(.*)$`, 'im').exec(head)?.[1] ?? ''
    rest = rest.subarray(headEnd + 4)
    if (status === 100) continue
    const length = field('content-length')
    const bodyBytes = length === '' ? rest.length : Number(length)
    replies.push({ status, type: field('content-type'), body: rest.subarray(0, bodyBytes).toString('utf8') })
    rest = rest.subarray(bodyBytes)
  }
  return replies
}

/** What is wrong with a reply; `undefined` = nothing. */
function faultOf({ status, type, body }: Reply, path: string): string | undefined {
  if (status < 400) return undefined
  if (!type.startsWith('application/json')) return `an error of type ${type}`
  // The answer to a HEAD has no body.
  if (body === '') return undefined
  const parsed = JSON.parse(body) as { error?: unknown; type?: unknown }
  const error = parsed.error
  const isOllama = path.startsWith('/api/') && typeof error === 'string'
  const { reason, message } = (error ?? {}) as { reason?: unknown; message?: unknown }
  if (!isOllama && (typeof reason !== 'string' || typeof message !== 'string')) return `no reason in ${body}`
  if (status >= 500 && (isOllama ? status === 500 : reason === 'internal')) return `a fault of ours: ${body}`
  return undefined
}

function usedBytes(): number {
  collectGarbage()
  return process.memoryUsage().heapUsed
}

/** Sends requests `from` … `to`, several at a time. Returns what was wrong. */
async function round(from: number, to: number): Promise<{ faults: string[]; statuses: Map<number, number> }> {
  const faults: string[] = []
  const statuses = new Map<number, number>()
  let next = from
  const sender = async (): Promise<void> => {
    while (next < to) {
      const index = next++
      const { bytes, path } = hostileRequest(new Random(SEED + index), routes)
      const replies = await exchange(bytes)
      for (const reply of replies) {
        statuses.set(reply.status, (statuses.get(reply.status) ?? 0) + 1)
        const fault = faultOf(reply, path)
        if (fault !== undefined)
          faults.push(`${index}: ${fault} after ${JSON.stringify(bytes.toString('latin1').slice(0, 400))}`)
      }
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, sender))
  return { faults, statuses }
}

test(`${REQUESTS} hostile requests: no crash, every refusal has a reason, and memory stays flat`, async () => {
  expect(routes.length).toBeGreaterThan(10)
  const warm = await round(0, REQUESTS / 5)
  const beforeBytes = usedBytes()
  const rest = await round(REQUESTS / 5, REQUESTS)
  const growthBytes = usedBytes() - beforeBytes
  isOver = true
  expect([...warm.faults, ...rest.faults].slice(0, 10)).toEqual([])
  // Some got through, most were refused: the generator neither misses the routes nor is it tame.
  expect(rest.statuses.get(200) ?? 0).toBeGreaterThan(REQUESTS / 100)
  expect(rest.statuses.get(400) ?? 0).toBeGreaterThan(REQUESTS / 10)
  expect(growthBytes).toBeLessThan(MOST_GROWTH_BYTES)
  expect((await fetch(`${served.url}/health`)).status).toBe(200)
}, 120_000)
