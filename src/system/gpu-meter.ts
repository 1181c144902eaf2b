import type { Clock } from '../spec/clock.ts'
import type { GpuMeter, GpuReading, GpuSource } from '../spec/gpu.ts'
import type { FoundGpu, GpuReader } from './gpu-reader.ts'
import { PacedReading } from './paced-reading.ts'

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

/** Reads what this system has, each reader at its own pace: `nvidia-smi` (30 to 100 ms) every 3 to 10 s. */
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
  readonly #scan: PacedReading<GpuFault | undefined>
  #ways: readonly GpuReader[]
  /** A reading that fails later keeps what was read before: a GPU does not come and go with its reader. */
  gpus: readonly FoundGpu[] = []
  fault: GpuFault | undefined

  constructor(clock: Clock, ways: readonly GpuReader[]) {
    this.#ways = ways
    const leastRestMs = (fault: GpuFault | undefined): number => (fault ? RETRY_MS : 0)
    this.#scan = new PacedReading({ clock, read: () => this.#tryWays(), leastRestMs })
  }

  async refresh(isFresh: boolean): Promise<void> {
    if (this.#ways.length === 0) return
    // What hangs would make everyone wait who asks for a reading of now.
    const isLeftAlone = this.fault !== undefined && !this.#scan.isDue
    await (isFresh && !isLeftAlone ? this.#scan.fresh() : this.#scan.known())
  }

  async #tryWays(): Promise<GpuFault | undefined> {
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
    return fault
  }
}
