import { createHash, randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { Header } from 'tar'
import { ENGINE_VERSION, type EnginePackage } from '../../src/providers/embedded/packages/package-table.ts'
import { FileServer, type ServedFile } from './file-server.ts'

/** One thing in a tarball. */
export interface TarEntry {
  readonly path: string
  readonly content?: string | Buffer
  readonly type?: 'File' | 'Directory' | 'SymbolicLink' | 'Link'
  readonly linkpath?: string
}

/** A gzipped tar archive of exactly these entries, whatever they are. */
export function tarballOf(entries: readonly TarEntry[]): Buffer {
  const blocks: Buffer[] = []
  for (const { path, content = '', type = 'File', linkpath } of entries) {
    const bytes = Buffer.from(content)
    const head = new Header({
      path,
      type,
      mode: 0o644,
      size: bytes.length,
      mtime: new Date(0),
      ...(linkpath && { linkpath }),
    })
    const block = Buffer.alloc(512)
    head.encode(block)
    blocks.push(block, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512))
  }
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1_024)]))
}

/** Bytes that no compression makes fewer, so that a download of them can be broken off in the middle. */
export const ADDON: Buffer = randomBytes(50_000)

/** The content of a package as npm packs it. */
export function packageEntries(name: string, version: string = ENGINE_VERSION): TarEntry[] {
  return [
    { path: 'package/package.json', content: JSON.stringify({ name, version, type: 'module', main: 'dist/index.js' }) },
    { path: 'package/dist/index.js', content: `export const from = ${JSON.stringify(name)}\n` },
    { path: 'package/bins/llama-addon.node', content: ADDON },
  ]
}

/** A registry on loopback that serves what was published, and misbehaves as a {@link FileServer} does. */
export class FakeRegistry implements AsyncDisposable {
  readonly server: FileServer

  private constructor(server: FileServer) {
    this.server = server
  }

  static async start(): Promise<FakeRegistry> {
    return new FakeRegistry(await FileServer.start())
  }

  get url(): string {
    return `${this.server.url}/`
  }

  /** Publishes a package; returns its pins. */
  publish(
    name: string,
    tarball: Buffer = tarballOf(packageEntries(name)),
    how: Omit<ServedFile, 'content'> = {},
  ): EnginePackage {
    const path = this.tarballPath(name)
    this.describe(name, `${this.server.url}${path}`)
    this.server.serve(path, tarball, how)
    const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`
    return { name, integrity, tarballBytes: tarball.length, unpackedBytes: 60_000 }
  }

  /** Says where a package's tarball is. */
  describe(name: string, tarball: string): void {
    const versions = { [ENGINE_VERSION]: { name, version: ENGINE_VERSION, dist: { tarball } } }
    this.server.serve(`/${name.replace('/', '%2f')}`, JSON.stringify({ name, versions }), { type: 'application/json' })
  }

  tarballPath(name: string): string {
    return `/${name}/-/${name.slice(name.indexOf('/') + 1)}-${ENGINE_VERSION}.tgz`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]()
  }
}
