import type { Clock } from '../spec/clock.ts'
import type { GpuMeter, GpuReading, GpuSource } from '../spec/gpu.ts'
import type { FoundGpu, GpuReader } from './gpu-reader.ts'

/**
 * A reader that took 1 ms is not asked again for this many: reading stays below 1 % of a core whatever it is made of.
 * The kernel's files (0.1 ms) are read every time, `nvidia-smi` (30 to 100 ms) every 3 to 10 s.
 */
const REST_FACTOR = 100
/** A reader that failed is not asked again for so long, ms. */
const RETRY_MS = 60_000

export interface SystemGpuMeterOptions {
  readonly clock: Clock
  /**
   * Ways to read, one list a vendor: of each, the first that finds something is kept, and what is not there is never
   * tried again.
   */
  readonly readers: readonly (readonly GpuReader[])[]
}

/** Why a GPU that may be there is not read. */
export interface GpuFault {
  readonly source: GpuSource
  readonly why: string
}

/** Reads what this system has, each reader at its own pace. */
export class SystemGpuMeter implements GpuMeter {
  readonly #vendors: readonly Vendor[]

  constructor({ clock, readers }: SystemGpuMeterOptions) {
    this.#vendors = readers.map((ways) => new Vendor(clock, ways))
  }

  async read({ isFresh = false }: { readonly isFresh?: boolean } = {}): Promise<readonly GpuReading[]> {
    await Promise.all(this.#vendors.map((vendor) => vendor.refresh(isFresh)))
    return this.#vendors.flatMap(({ gpus }) => gpus).map((gpu, index) => ({ index, ...gpu }))
  }

  /** Of the last reading. */
  get faults(): readonly GpuFault[] {
    return this.#vendors.flatMap(({ fault }) => (fault ? [fault] : []))
  }
}

/** One vendor's GPUs: the ways to read them that are left, and what was read last. */
class Vendor {
  readonly #clock: Clock
  #ways: readonly GpuReader[]
  #reading: Promise<void> | undefined
  #dueAtMs = -Infinity
  /** A reading that fails later keeps what was read before: a GPU does not come and go with its reader. */
  gpus: readonly FoundGpu[] = []
  fault: GpuFault | undefined

  constructor(clock: Clock, ways: readonly GpuReader[]) {
    this.#clock = clock
    this.#ways = ways
  }

  /** Waits where nothing is known yet, or for a reading of now; else the next one begins in the background when due. */
  async refresh(isFresh: boolean): Promise<void> {
    if (this.#ways.length === 0) return
    const isDue = this.#clock.nowMs() >= this.#dueAtMs
    // What hangs would make everyone wait who asks for a reading of now.
    const isAwaited = this.#dueAtMs === -Infinity || (isFresh && !(this.fault && !isDue))
    const underWay = this.#reading
    if (isFresh && isAwaited) await underWay
    if (isDue || isAwaited) this.#reading ??= this.#scan().finally(() => (this.#reading = undefined))
    if (isAwaited) await this.#reading
  }

  async #scan(): Promise<void> {
    const startedAtMs = this.#clock.nowMs()
    let fault: GpuFault | undefined
    let gpus: readonly FoundGpu[] | undefined
    for (const way of this.#ways) {
      const scan = await way.scan()
      if (scan.state === 'absent') this.#ways = this.#ways.filter((other) => other !== way)
      if (scan.state === 'failed') fault ??= { source: way.source, why: scan.why }
      if (scan.state !== 'read') continue
      gpus = scan.gpus
      fault = undefined
      this.#ways = [way]
      break
    }
    if (!fault) this.gpus = gpus ?? []
    this.fault = fault
    const nowMs = this.#clock.nowMs()
    const restMs = (nowMs - startedAtMs) * REST_FACTOR
    this.#dueAtMs = nowMs + (fault ? Math.max(RETRY_MS, restMs) : restMs)
  }
}
