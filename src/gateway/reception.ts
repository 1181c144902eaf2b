import type { FastifyRequest } from 'fastify'
import type { InferRequest, ManagerService } from '../spec/admin.ts'
import type { OwnerId } from '../spec/owner-id.ts'
import type { ModelWish } from '../spec/model-wish.ts'
import type { ServedServices } from '../spec/services.ts'
import { conversationWish, ownerOf } from './conversation-wish.ts'
import { requestWish, type WishFields } from './request-wish.ts'

export interface ReceptionOptions {
  /** Throws `starting` while there are none. */
  readonly services: () => ServedServices
  /** Are conversations of this owner kept? */
  readonly keeps: (owner: OwnerId) => boolean
  /** How models are kept for a key's requests that say nothing of it. */
  readonly keyDefaults: (owner: OwnerId) => ModelWish
  /** How long a stream may be silent before something is sent to keep it open. */
  readonly keepAliveAfterMs: number
}

/** What a body says beside the question itself. */
export interface SaidInBody {
  /** The client's own name for the conversation. */
  readonly conversationId?: string | undefined
  readonly wish: WishFields
}

/** What the routes of all dialects have in common: the services behind them, and what a request says outside its body. */
export class Reception {
  readonly keepAliveAfterMs: number
  readonly services: () => ServedServices
  readonly #options: ReceptionOptions

  constructor(options: ReceptionOptions) {
    this.#options = options
    this.keepAliveAfterMs = options.keepAliveAfterMs
    this.services = options.services
  }

  get manager(): ManagerService {
    return this.services().manager
  }

  /** Whose conversation it is and how its model is to be kept. Throws `invalid-request`. */
  context(
    { headers }: Pick<FastifyRequest, 'headers'>,
    { conversationId, wish }: SaidInBody,
  ): Pick<InferRequest, 'conversation' | 'wish'> {
    return {
      conversation: conversationWish(headers, conversationId, this.#options.keeps),
      wish: this.wish({ headers }, wish),
    }
  }

  /** How the model is to be kept, for requests that are no conversation. Throws `invalid-request`. */
  wish({ headers }: Pick<FastifyRequest, 'headers'>, fields: WishFields): ModelWish | undefined {
    return requestWish(fields, headers, this.#options.keyDefaults(ownerOf(headers)))
  }
}
