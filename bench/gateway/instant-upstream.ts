import { createServer, type Socket } from 'node:net'

/*
 * An upstream that answers at once, in a process of its own: 300 bytes of a chat completion, or a stream of 64 chunks, by
 * what the request says. Written on bare sockets, so that it is not what is measured. Prints its port.
 */

const CHUNKS = 64
const END_OF_HEAD = '\r\n\r\n'

const whole = Buffer.from(reply('application/json', padded(completion())))
const models = Buffer.from(reply('application/json', JSON.stringify({ object: 'list', data: [{ id: 'instant' }] })))
const streamHead = Buffer.from(
  'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n' + END_OF_HEAD.slice(2),
)
const pieces = events().map((text) => Buffer.from(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`))
const lastPiece = Buffer.from('0\r\n\r\n')

const server = createServer({ noDelay: true }, (socket) => {
  let waiting = ''
  socket.on('error', () => socket.destroy())
  socket.on('data', (data: Buffer) => {
    waiting += data.toString('latin1')
    for (;;) {
      const headEnd = waiting.indexOf(END_OF_HEAD)
      if (headEnd === -1) return
      const head = waiting.slice(0, headEnd)
      const bodyBytes = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
      const end = headEnd + END_OF_HEAD.length + bodyBytes
      if (waiting.length < end) return
      const body = waiting.slice(end - bodyBytes, end)
      waiting = waiting.slice(end)
      answer(socket, head, body)
    }
  })
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  process.stdout.write(`${address.port}\n`)
})
// It ends with whoever started it.
process.stdin.resume().once('end', () => process.exit(0))

function answer(socket: Socket, head: string, body: string): void {
  if (head.startsWith('GET')) socket.write(models)
  else if (body.includes('"stream":true')) {
    // A write each, as an engine sends a token when it has it.
    socket.write(streamHead)
    for (const piece of pieces) socket.write(piece)
    socket.write(lastPiece)
  } else socket.write(whole)
}

function reply(type: string, body: string): string {
  const head = `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}`
  return `${head}${END_OF_HEAD}${body}`
}

function completion(): { id: string; choices: [{ message: { content: string } }] } {
  return {
    ...{ id: 'chatcmpl-1', object: 'chat.completion', created: 1_760_000_000, model: 'instant' },
    choices: [{ index: 0, message: { role: 'assistant', content: '' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 9, completion_tokens: 12, total_tokens: 21 },
  } as never
}

/** With as much text as makes it 300 bytes. */
function padded(body: ReturnType<typeof completion>): string {
  body.choices[0].message.content = 'x'.repeat(300 - JSON.stringify(body).length)
  return JSON.stringify(body)
}

function events(): string[] {
  const head = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1_760_000_000, model: 'instant' }
  const event = (choice: object, more: object = {}): string =>
    `data: ${JSON.stringify({ ...head, choices: [{ index: 0, finish_reason: null, ...choice }], ...more })}\n\n`
  const texts = Array.from({ length: CHUNKS - 1 }, (_, at) => event({ delta: { content: ` word${at}` } }))
  const usage = { prompt_tokens: 9, completion_tokens: CHUNKS - 1, total_tokens: CHUNKS + 8 }
  return [...texts, event({ delta: {}, finish_reason: 'stop' }, { usage }), 'data: [DONE]\n\n']
}
