import type { FromWorker } from './protocol.ts'
import type { StateAnswer, StateAsk, StateNote } from './state-messages.ts'

/** The worker's questions to its host about states on disk, for one context. */
export interface StateHost {
  ask(ask: StateAsk): Promise<StateAnswer>
  note(note: StateNote): void
}

/** Questions on the way, of all contexts. The host answers each; without a host the worker ends itself. */
export class HostAsks {
  readonly #send: (message: FromWorker) => void
  readonly #waiting = new Map<number, (answer: StateAnswer) => void>()
  #lastId = 0

  constructor(send: (message: FromWorker) => void) {
    this.#send = send
  }

  hostOf(contextId: string): StateHost {
    return {
      ask: (ask) =>
        new Promise((resolve) => {
          const askId = ++this.#lastId
          this.#waiting.set(askId, resolve)
          this.#send({ type: 'stateAsk', askId, contextId, ask })
        }),
      note: (note) => this.#send({ type: 'stateNote', contextId, note }),
    }
  }

  receive(askId: number, answer: StateAnswer): void {
    this.#waiting.get(askId)?.(answer)
    this.#waiting.delete(askId)
  }
}
