import { createHash } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

interface Layer {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

/** Contents of a model's layers by kind (`model`, `system`, `params`, …), in order. */
export type OllamaLayers = readonly (readonly [kind: string, content: Uint8Array | string])[]

/** A store as Ollama lays it out (manifest/paths.go and server/images.go of its sources), made for a test. */
export class OllamaGround {
  readonly folder: string

  constructor(folder: string) {
    this.folder = folder
  }

  /** Adds a model by the path of its manifest: `registry.ollama.ai/library/tiny/latest`. Returns its layers. */
  async add(manifest: string, layers: OllamaLayers, config: object = { model_format: 'gguf' }): Promise<Layer[]> {
    const written: Layer[] = []
    for (const [kind, content] of layers) {
      written.push(await this.#blob(`application/vnd.ollama.image.${kind}`, content))
    }
    const configLayer = await this.#blob('application/vnd.docker.container.image.v1+json', JSON.stringify(config))
    await this.write(manifest, JSON.stringify({ schemaVersion: 2, config: configLayer, layers: written }))
    return written
  }

  /** Writes a manifest as it is. */
  async write(manifest: string, text: string): Promise<void> {
    const path = join(this.folder, 'manifests', manifest)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, text)
  }

  blobPath(layer: Layer | undefined): string {
    if (!layer) throw new Error('The model has no such layer.')
    return join(this.folder, 'blobs', layer.digest.replace(':', '-'))
  }

  async removeBlob(layer: Layer | undefined): Promise<void> {
    await rm(this.blobPath(layer))
  }

  async #blob(mediaType: string, content: Uint8Array | string): Promise<Layer> {
    const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`
    const layer = { mediaType, digest, size: Buffer.byteLength(content) }
    await mkdir(join(this.folder, 'blobs'), { recursive: true })
    await writeFile(this.blobPath(layer), content)
    return layer
  }
}
