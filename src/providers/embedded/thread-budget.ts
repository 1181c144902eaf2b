/** An engine whose number of threads can be changed. */
export interface ThreadedEngine {
  /** Resolves once no evaluation with more threads is in flight; rejects when the engine is gone. */
  setThreads(threads: number): Promise<void>
}

/**
 * Threads for each of `busyEngines` engines on `cores` cores: shared evenly, the first ones get what is left over, each
 * at least 1. The sum never exceeds the cores as long as there are no more engines than cores.
 */
export function threadShares(cores: number, busyEngines: number): number[] {
  return Array.from({ length: busyEngines }, (_, index) => {
    const extra = index < cores % busyEngines ? 1 : 0
    return Math.max(1, Math.floor(cores / busyEngines) + extra)
  })
}

interface Holder {
  readonly engine: ThreadedEngine
  runs: number
  threads: number
}

/**
 * Keeps the CPU threads of all engines together within the cores (measured on two cores: two engines with two threads
 * each take 19.9 times as long as one after the other, with one thread each 0.82 times). A newly busy engine starts
 * only when the others have given up their share, which they do after the slice in flight.
 */
export class ThreadBudget {
  readonly #cores: number
  readonly #busy: Holder[] = []
  readonly #waiting: (() => void)[] = []
  /** Changes happen one after the other. */
  #turn: Promise<void> = Promise.resolve()

  constructor(cores: number) {
    this.#cores = Math.max(1, cores)
  }

  get isBusy(): boolean {
    return this.#busy.length > 0
  }

  /** Resolves when the engine may evaluate. Each call needs its {@link release}. */
  async acquire(engine: ThreadedEngine): Promise<void> {
    for (;;) {
      const holder = this.#busy.find((other) => other.engine === engine)
      if (holder) {
        holder.runs += 1
        return this.#turn
      }
      if (this.#busy.length < this.#cores) break
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    this.#busy.push({ engine, runs: 1, threads: 0 })
    return this.#rebalance()
  }

  /** A run of this engine is over; the last one gives its share to the others. */
  release(engine: ThreadedEngine): void {
    const holder = this.#busy.find((other) => other.engine === engine)
    if (!holder) return
    holder.runs -= 1
    if (holder.runs > 0) return
    this.#busy.splice(this.#busy.indexOf(holder), 1)
    this.#waiting.shift()?.()
    void this.#rebalance()
  }

  #rebalance(): Promise<void> {
    this.#turn = this.#turn.then(() => this.#share())
    return this.#turn
  }

  /** First those that shrink, all at once and waited for; only then those that grow. */
  async #share(): Promise<void> {
    const shares = threadShares(this.#cores, this.#busy.length)
    const wanted = this.#busy.map((holder, index) => ({ holder, threads: shares[index] ?? 1 }))
    await Promise.all(wanted.filter(({ holder, threads }) => threads < holder.threads).map(apply))
    await Promise.all(wanted.filter(({ holder, threads }) => threads > holder.threads).map(apply))
  }
}

async function apply({ holder, threads }: { holder: Holder; threads: number }): Promise<void> {
  holder.threads = threads
  // An engine that is gone evaluates nothing: its share is free, and its run learns of the loss by itself.
  await holder.engine.setThreads(threads).catch(() => undefined)
}
