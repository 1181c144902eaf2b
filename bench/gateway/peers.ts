import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'

/** Something that passes on what it is asked. */
export interface Peer {
  readonly name: 'direct' | 'grym' | 'llama-swap' | 'litellm'
  readonly url: string
  readonly pid: number
  /** As it knows the upstream's model. */
  readonly model: string
  stop(): Promise<void>
}

/** A peer that was looked for: `start` is absent where it is not installed. */
interface FoundPeer {
  readonly name: 'llama-swap' | 'litellm'
  readonly start?: () => Promise<Peer>
  readonly note: string
}

/** Python imports LiteLLM for a while. */
const START_DEADLINE_MS = 90_000
const LOOK_INTERVAL_MS = 100

/** llama-swap and LiteLLM by their customary names on the PATH. */
export async function findPeers(folder: string, upstreamUrl: string, model: string): Promise<readonly FoundPeer[]> {
  return [
    found('llama-swap', '--version', async (port) => {
      const path = join(folder, 'llama-swap.yaml')
      // Its own limit of 10 requests a model would refuse most of them; the upstream is no child of it, so it is given one.
      const entry = { cmd: 'sleep 86400', proxy: upstreamUrl, checkEndpoint: 'none', concurrencyLimit: 10_000 }
      await writeFile(path, JSON.stringify({ models: { [model]: entry } }))
      return ['--config', path, '--listen', `127.0.0.1:${port}`]
    }),
    found('litellm', '--version', async (port) => {
      const path = join(folder, 'litellm.yaml')
      const params = { model: `openai/${model}`, api_base: `${upstreamUrl}/v1`, api_key: 'none' }
      await writeFile(path, JSON.stringify({ model_list: [{ model_name: model, litellm_params: params }] }))
      return ['--config', path, '--host', '127.0.0.1', '--port', String(port), '--num_workers', '1']
    }),
  ]

  function found(
    name: FoundPeer['name'],
    versionFlag: string,
    argumentsOf: (port: number) => Promise<readonly string[]>,
  ): FoundPeer {
    if (spawnSync(name, [versionFlag]).error) return { name, note: 'not installed' }
    const start = async (): Promise<Peer> => {
      const port = await freePort()
      const child = spawn(name, await argumentsOf(port), { stdio: 'ignore' })
      const url = `http://127.0.0.1:${port}`
      await reachable(name, child, url)
      return { name, url, pid: child.pid ?? 0, model, stop: () => stopped(child) }
    }
    return { name, start, note: '' }
  }
}

async function reachable(name: string, child: ChildProcess, url: string): Promise<void> {
  const endAtMs = performance.now() + START_DEADLINE_MS
  while (performance.now() < endAtMs && child.exitCode === null) {
    const isThere = await fetch(`${url}/v1/models`).then(
      (response) => response.ok,
      () => false,
    )
    if (isThere) return
    await setTimeout(LOOK_INTERVAL_MS)
  }
  await stopped(child)
  throw new Error(`${name} did not answer within ${START_DEADLINE_MS} ms.`)
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill()
  await once(child, 'exit')
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
