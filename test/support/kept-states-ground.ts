import { KvCache } from '../../src/kvcache/kv-cache.ts'
import type { StateCacheSettings } from '../../src/spec/state-cache.ts'
import { fileSha256 } from '../../src/system/file-digest.ts'
import { SystemClock } from '../../src/system/system-clock.ts'
import type { KeptStates } from '../../src/testing/contract-check.ts'
import { flip } from './kv-ground.ts'
import { TemporaryFolder } from './system-ground.ts'

/** Every state is worth a file. */
const SETTINGS: StateCacheSettings = {
  isEnabled: true,
  maxBytes: 1e9,
  maxEntries: 100,
  writeBudgetBytesPerHour: 1e9,
  minTokens: 1,
  ttlMs: null,
  isEncrypted: false,
  compression: 'off',
}

const digests = new Map<string, Promise<string>>()

/** SHA-256 of a file that stays as it is: weights, and the program of an engine, which is large. */
export function digestOnce(path: string): Promise<string> {
  const known = digests.get(path) ?? fileSha256(path)
  digests.set(path, known)
  return known
}

/** The real cache of KV states in a folder of its own, and a hand on what lies there. */
export class KeptStatesGround implements KeptStates, AsyncDisposable {
  readonly cache: KvCache
  readonly #files: TemporaryFolder

  private constructor(cache: KvCache, files: TemporaryFolder) {
    this.cache = cache
    this.#files = files
  }

  static async make(settings: Partial<StateCacheSettings> = {}): Promise<KeptStatesGround> {
    const files = await TemporaryFolder.make()
    const cache = await KvCache.open({
      clock: new SystemClock(),
      folder: files.at('kv/.cache/models'),
      keyPath: files.at('key'),
      settings: () => ({ ...SETTINGS, ...settings }),
    })
    return new KeptStatesGround(cache, files)
  }

  readonly count = (): number => this.cache.report().entries

  readonly clear = async (): Promise<void> => {
    await this.cache.clear()
  }

  readonly damage = async (): Promise<void> => {
    for (const { path } of this.cache.list()) await flip((size) => Math.floor(size / 2))(path)
  }

  /** To be called once no provider uses it any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.cache.close()
    await this.#files[Symbol.asyncDispose]()
  }
}
