/** Longest delay a timer of Node takes. */
const FOREVER_MS = 2 ** 31 - 1

/**
 * Keeps the process alive while somebody awaits a call. grym's own timers never do, so that importing it is no reason to
 * go on; but a call whose outcome is awaited is one, also in moments when nothing but such a timer will end it.
 */
export class ProcessHold {
  #count = 0
  #timer: NodeJS.Timeout | undefined

  async during<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#count += 1
    this.#timer ??= setInterval(() => {}, FOREVER_MS)
    try {
      return await work()
    } finally {
      this.#count -= 1
      if (this.#count === 0) {
        clearInterval(this.#timer)
        this.#timer = undefined
      }
    }
  }
}
