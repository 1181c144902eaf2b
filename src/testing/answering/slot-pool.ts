import { commonLength } from '../../spec/common-length.ts'

/** One slot and the tokens that its KV cache holds. */
export interface Slot {
  readonly id: number
  tokens: readonly string[]
  isBusy: boolean
  /** Grows with each use: the slot used longest ago has the smallest one. */
  lastUse: number
}

/** A slot is taken when a prompt has more than this part of its beginning in common with what it holds. llama.cpp's default. */
const SIMILARITY_RATIO = 0.1

interface Waiting {
  readonly prompt: readonly string[]
  readonly wantedId: number | undefined
  readonly take: (slot: Slot) => void
}

/** Slots of one model, given to prompts as llama.cpp gives them; who finds none waits in order of arrival. */
export class SlotPool {
  readonly slots: readonly Slot[]
  readonly #waiting: Waiting[] = []
  #uses = 0

  constructor(count: number) {
    this.slots = Array.from({ length: count }, (_, id) => ({ id, tokens: [], isBusy: false, lastUse: 0 }))
  }

  /** Requests that wait for a slot. */
  get waitingCount(): number {
    return this.#waiting.length
  }

  /**
   * Waits for a slot: the one asked for, else the free one that holds most of the prompt's beginning, else the one used
   * longest ago. `undefined` when the request is given up meanwhile.
   */
  async take(prompt: readonly string[], signal: AbortSignal, wantedId?: number): Promise<Slot | undefined> {
    if (signal.aborted) return undefined
    const free = this.#choose(prompt, wantedId)
    if (free) return this.#use(free)
    return new Promise((resolve) => {
      const waiting: Waiting = { prompt, wantedId, take: resolve }
      this.#waiting.push(waiting)
      signal.addEventListener(
        'abort',
        () => {
          const place = this.#waiting.indexOf(waiting)
          if (place < 0) return
          this.#waiting.splice(place, 1)
          resolve(undefined)
        },
        { once: true },
      )
    })
  }

  /** Gives a slot back; the first that waits and can use one gets it. */
  give(slot: Slot): void {
    slot.isBusy = false
    for (const [place, waiting] of this.#waiting.entries()) {
      const free = this.#choose(waiting.prompt, waiting.wantedId)
      if (!free) continue
      this.#waiting.splice(place, 1)
      waiting.take(this.#use(free))
      return
    }
  }

  #choose(prompt: readonly string[], wantedId: number | undefined): Slot | undefined {
    const free = this.slots.filter(({ id, isBusy }) => !isBusy && (wantedId === undefined || id === wantedId))
    const likeness = (slot: Slot): number => commonLength(slot.tokens, prompt) / prompt.length
    const [best] = free.toSorted((a, b) => likeness(b) - likeness(a))
    if (best && likeness(best) > SIMILARITY_RATIO) return best
    return free.toSorted((a, b) => a.lastUse - b.lastUse)[0]
  }

  #use(slot: Slot): Slot {
    slot.isBusy = true
    slot.lastUse = ++this.#uses
    return slot
  }
}
