import { connect } from 'node:net'
import { AnswerEnd } from './answer-end.ts'

/*
 * Asks as fast as it is answered, from a process of its own: `load-generator.ts PORT JSON`, with {@link LoadOptions} in the
 * JSON. One request at a time on each of so many connections, bare sockets: what reads the answer looks for its end and for nothing else. Prints a
 * {@link LoadResult}.
 */

export interface LoadOptions {
  readonly model: string
  readonly isStreamed: boolean
  readonly concurrency: number
  /** Of all connections together. */
  readonly requests: number
  /** Tells the questions of one run from those of another: none is asked twice. */
  readonly run: string
  readonly key: string
}

export interface LoadResult {
  /** From the request to the end of its answer, of each, ms. */
  readonly latenciesMs: readonly number[]
  readonly wallMs: number
}

const [port = '', written = '{}'] = process.argv.slice(2)
const options = JSON.parse(written) as LoadOptions
const latenciesMs: number[] = []
let begun = 0

const startedAtMs = performance.now()
await Promise.all(Array.from({ length: options.concurrency }, () => converse()))
const result: LoadResult = { latenciesMs, wallMs: performance.now() - startedAtMs }
process.stdout.write(`${JSON.stringify(result)}\n`)

/** One connection, until enough is asked. */
function converse(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: Number(port), host: '127.0.0.1', noDelay: true })
    let sentAtMs = 0
    let end = new AnswerEnd()
    const send = (): void => {
      if (begun >= options.requests) {
        resolve()
        return void socket.destroy()
      }
      end = new AnswerEnd()
      const text = request(begun++)
      sentAtMs = performance.now()
      socket.write(text)
    }
    socket.once('connect', send)
    socket.on('data', (data: Buffer) => {
      if (!end.isReached(data.toString('latin1'))) return
      latenciesMs.push(performance.now() - sentAtMs)
      send()
    })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('The connection was closed before its answer was whole.')))
  })
}

function request(at: number): string {
  const content = `Question ${options.run}-${String(at).padStart(6, '0')}: what is a good name for a boat?`
  const stream = options.isStreamed && { stream: true }
  const body = JSON.stringify({ model: options.model, messages: [{ role: 'user', content }], ...stream })
  return (
    'POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n' +
    `Authorization: Bearer ${options.key}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  )
}
