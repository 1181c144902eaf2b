import type { Environment } from './environment.ts'
import type { ListenAddress } from './listen-address.ts'
import { isOwnAddress, ollamaHost } from './ollama-host.ts'

const OLLAMA_URL = 'http://127.0.0.1:11434'
const LM_STUDIO_URL = 'http://127.0.0.1:1234'

/** Where an engine's server is asked. */
export interface EngineAddress {
  readonly url: string
  /** A person named it: its silence is a fault. One that is only looked for may well not run. */
  readonly isExpected: boolean
}

/** Engines that may run apart from grym; `null` = not asked. */
export interface EngineSettings {
  readonly ollama: EngineAddress | null
  readonly lmStudio: EngineAddress | null
  readonly lmStudioToken: string | undefined
  /** `auto`, `off`, or a path. */
  readonly llamaServer: string
  /** Folders in which programs are looked for. */
  readonly programFolders: readonly string[]
}

/** Where to ask for Ollama's and LM Studio's servers, by what is set, and never at an address of our own. */
export function engineAddresses(
  written: { readonly ollama: string; readonly lmStudio: string },
  env: Environment,
  ours: readonly ListenAddress[],
): { readonly ollama: EngineAddress | null; readonly lmStudio: EngineAddress | null; readonly notices: string[] } {
  const notices: string[] = []
  const address = (key: string, value: string, found: EngineAddress): EngineAddress | null => {
    if (value === 'off') return null
    const asked = value === 'auto' ? found : { url: value.replace(/\/+$/, ''), isExpected: true }
    if (!isOwnAddress(asked.url, ours)) return asked
    if (asked.isExpected) notices.push(`${key}: '${asked.url.slice(0, 100)}' is not used: it is grym itself.`)
    return null
  }
  const { url } = ollamaHost(env, ours)
  const ollama = url === undefined ? { url: OLLAMA_URL, isExpected: false } : { url, isExpected: true }
  return {
    ollama: address('engines.ollama', written.ollama, ollama),
    lmStudio: address('engines.lmStudio', written.lmStudio, { url: LM_STUDIO_URL, isExpected: false }),
    notices,
  }
}
