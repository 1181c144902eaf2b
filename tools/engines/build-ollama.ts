import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fetchLlamaSources, llamaSourceFolder } from './build-llama-server.ts'
import { requirePrograms, runStep } from './build-step.ts'

/** The newest that the Go proxy has as one module that builds: it runs models in runners of its own. */
const VERSION = '0.17.4'

/** Builds Ollama for this machine, about seven minutes on two cores. Returns its path. */
export async function buildOllama(cache: string): Promise<string> {
  const binary = join(cache, 'bin', `ollama-${VERSION}`)
  if (existsSync(binary)) return binary
  requirePrograms(['go', 'g++'], 'golang g++')
  // Zips of Go modules leave `vendor` folders out: the headers of nlohmann come from llama.cpp's sources.
  await fetchLlamaSources(cache)
  const gopath = join(cache, 'go')
  const env = {
    GOPATH: gopath,
    GOBIN: join(gopath, 'bin'),
    // Without it the module cache could not be removed.
    GOFLAGS: '-modcacherw',
    CGO_CPPFLAGS: `-I${join(llamaSourceFolder(cache), 'vendor')}`,
    CGO_CFLAGS: '-O3 -march=native',
    CGO_CXXFLAGS: '-O3 -march=native',
  }
  // Without it it would say that it is 0.0.0.
  const named = `-ldflags=-X=github.com/ollama/ollama/version.Version=${VERSION}`
  await runStep(['go', 'install', named, `github.com/ollama/ollama@v${VERSION}`], {
    logPath: join(cache, 'ollama.log'),
    env,
  })
  await mkdir(join(cache, 'bin'), { recursive: true })
  await rename(join(gopath, 'bin', 'ollama'), binary)
  await rm(gopath, { recursive: true })
  return binary
}
