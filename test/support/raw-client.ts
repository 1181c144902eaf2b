import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** A client of HTTP made by hand: it sends bytes as they are, and reads, stalls and leaves when the test says so. */
export class RawClient implements AsyncDisposable {
  readonly socket: Socket
  #text = ''
  #isClosed = false

  private constructor(socket: Socket) {
    this.socket = socket
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => (this.#text += text))
    // A server that breaks the connection is what some tests wait for: `isClosed` tells it.
    socket.on('error', () => (this.#isClosed = true))
    socket.on('close', () => (this.#isClosed = true))
  }

  static async open(url: string): Promise<RawClient> {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    await once(socket, 'connect')
    return new RawClient(socket)
  }

  /** What came so far, a character a byte. */
  get text(): string {
    return this.#text
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Whether the server has closed the connection before this time is over. */
  async closedWithin(timeoutMs: number): Promise<boolean> {
    if (this.#isClosed) return true
    const timeout = AbortSignal.timeout(timeoutMs)
    return once(this.socket, 'close', { signal: timeout }).then(
      () => true,
      () => this.#isClosed,
    )
  }

  send(bytes: string | Uint8Array): void {
    this.socket.write(bytes)
  }

  /** A whole request with a JSON body. */
  post(path: string, body: object): void {
    const text = JSON.stringify(body)
    const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n`
    this.send(head + text)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy()
    if (!this.#isClosed) await once(this.socket, 'close')
  }
}
