import type { ProcessMeter } from '../../spec/system.ts'

/** The kernel's count of processes that it killed for lack of memory, compared from one look to the next. */
export class OomKills {
  /** `undefined` where the count says nothing: the engine runs on another machine. */
  readonly #meter: ProcessMeter | undefined
  #count: number | undefined

  constructor(meter: ProcessMeter | undefined) {
    this.#meter = meter
  }

  /** Takes the count as it is for what was before. */
  async mark(): Promise<void> {
    this.#count = await this.count()
  }

  /** The count itself; `undefined` where it is not known. */
  async count(): Promise<number | undefined> {
    return this.#meter?.oomKillCount()
  }

  /** Takes a count of before for what was until then: a kill since counts as new. */
  markAt(count: number | undefined): void {
    this.#count = count
  }

  /** Whether there were more since the last look. */
  async haveRisen(): Promise<boolean> {
    const before = this.#count
    await this.mark()
    return before !== undefined && this.#count !== undefined && this.#count > before
  }
}
