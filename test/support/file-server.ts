import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http'

/** How a file is served. */
export interface ServedFile {
  readonly content: Buffer
  readonly type?: string
  /** Breaks the connection after this many bytes of the answer, once. */
  cutOnceAfterBytes?: number
  /** Sends headers and this many bytes, and then nothing, ever. */
  readonly stallAfterBytes?: number
  /** Answers 200 with everything, whatever range was asked for. */
  readonly ignoresRange?: boolean
  /** Redirects there instead. */
  readonly redirectTo?: string
  /** Never answers. */
  readonly hangs?: boolean
  readonly status?: number
}

export interface SeenRequest {
  readonly path: string
  readonly headers: IncomingHttpHeaders
}

/** A small file server on loopback that can misbehave, and remembers what it was asked. */
export class FileServer implements AsyncDisposable {
  readonly files: Map<string, ServedFile> = new Map<string, ServedFile>()
  readonly seen: SeenRequest[] = []
  readonly url: string
  readonly #server: Server

  private constructor(server: Server, url: string) {
    this.#server = server
    this.url = url
    server.on('request', (request, response) => {
      const path = request.url ?? ''
      this.seen.push({ path, headers: request.headers })
      this.#answer(this.files.get(path.split('?')[0] ?? ''), request.headers.range, response)
    })
  }

  static async start(host = '127.0.0.1'): Promise<FileServer> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, host, resolve))
    const address = server.address()
    if (typeof address !== 'object' || !address) throw new Error('the server has no address')
    return new FileServer(server, `http://${host}:${address.port}`)
  }

  serve(path: string, content: Buffer | string, how: Omit<ServedFile, 'content'> = {}): ServedFile {
    const file = { content: Buffer.from(content), ...how }
    this.files.set(path, file)
    return file
  }

  /** Ranges asked for of a path, in order. */
  rangesOf(path: string): (string | undefined)[] {
    return this.seen.filter((request) => request.path === path).map(({ headers }) => headers.range)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #answer(file: ServedFile | undefined, range: string | undefined, response: ServerResponse): void {
    if (!file) return void response.writeHead(404).end()
    if (file.hangs) return
    if (file.redirectTo) return void response.writeHead(302, { location: file.redirectTo }).end()
    if (file.status) return void response.writeHead(file.status).end()
    const [, from, to] = /^bytes=(\d+)-(\d+)?$/.exec(range ?? '') ?? []
    const isPartial = from !== undefined && !file.ignoresRange
    const begin = isPartial ? Number(from) : 0
    const end = isPartial && to !== undefined ? Math.min(Number(to) + 1, file.content.length) : file.content.length
    const body = file.content.subarray(begin, end)
    response.writeHead(isPartial ? 206 : 200, {
      'content-type': file.type ?? 'application/octet-stream',
      'content-length': body.length,
      ...(isPartial && { 'content-range': `bytes ${begin}-${end - 1}/${file.content.length}` }),
    })
    const cut = file.cutOnceAfterBytes
    if (cut !== undefined && cut < body.length) {
      delete file.cutOnceAfterBytes
      response.write(body.subarray(0, cut), () => response.socket?.end())
    } else if (file.stallAfterBytes !== undefined) response.write(body.subarray(0, file.stallAfterBytes))
    else response.end(body)
  }
}
