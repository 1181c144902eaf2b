import type { CacheFault } from '../spec/state-cache.ts'

/** Before anybody listens, so many are remembered: a start tells of a few files, and of the rest in one sentence. */
const MOST_UNTOLD = 100

/** What people are to know of faults. What is found before anybody listens (the start reads every file) is told to the first one. */
export class CacheFaults {
  readonly #listeners: ((fault: CacheFault) => void)[] = []
  #untold: CacheFault[] = []

  tell(fault: CacheFault): void {
    if (this.#listeners.length === 0) this.#untold = [...this.#untold, fault].slice(-MOST_UNTOLD)
    for (const listener of this.#listeners) listener(fault)
  }

  onFault(listener: (fault: CacheFault) => void): void {
    this.#listeners.push(listener)
    for (const fault of this.#untold.splice(0)) listener(fault)
  }
}
