import type { ChatMessage } from '../spec/chat.ts'
import type { Clock } from '../spec/clock.ts'
import type { ContextLimits, ContextMessage, ContextService, ModelContext } from '../spec/contexts.ts'
import { LOCAL_OWNER } from '../spec/owner-id.ts'
import { resourceError } from '../spec/errors.ts'
import type { CountTokens, TokenCount } from '../spec/token-count.ts'
import { readContextLimits, readContextMessage } from './context-input.ts'
import type { ConversationStore } from './conversation-store.ts'

/** Messages that are taken up from an earlier process, at most; a window of more would not be read through. */
const MAX_TAKEN_UP = 10_000
/** Messages that wait for a disk with room; the oldest are given up. */
const MAX_UNSAVED = 1_000
/** Contexts at once; the next is refused with `resource-exhausted`. */
const DEFAULT_MAX_CONTEXTS = 1_000
const NOTHING: TokenCount = { tokens: 0, source: 'exact' }

export interface ModelContextsOptions {
  readonly store: Pick<ConversationStore, 'append' | 'newest' | 'idOf' | 'find' | 'delete'>
  readonly countTokens: CountTokens
  readonly clock: Clock
  /** Whether what is said is kept on disk; asked at each message. Default: always. */
  readonly isKept?: () => boolean
  /** Default 1,000. */
  readonly maxContexts?: number
  /** Told when the disk did not take a message; it stays in memory and is tried again with the next. */
  readonly onFault: (error: unknown) => void
}

interface OpenContext {
  readonly conversationId: string
  readonly limits: Required<ContextLimits>
  readonly createdAtMs: number
  messages: readonly ContextMessage[]
  count: TokenCount
  lastAccessedAtMs: number
  unsaved: ContextMessage[]
}

/** Contexts that a program keeps by hand under a model's id (requirement R66); one call at a time for each id. */
export class ModelContexts implements ContextService, Disposable {
  readonly #options: ModelContextsOptions
  readonly #contexts = new Map<string, OpenContext>()
  /** The last call of each id; the next waits for it. */
  readonly #queues = new Map<string, Promise<unknown>>()
  readonly #closing = new AbortController()

  constructor(options: ModelContextsOptions) {
    this.#options = options
  }

  async initialize(modelId: string, limits: unknown): Promise<ModelContext> {
    return this.#inTurn(modelId, async () => {
      if (this.#contexts.has(modelId)) {
        throw resourceError('duplicate-context', `Context already exists for model: ${modelId}`)
      }
      const known = readContextLimits(limits)
      const most = this.#options.maxContexts ?? DEFAULT_MAX_CONTEXTS
      if (this.#contexts.size >= most) {
        throw resourceError('resource-exhausted', `There are ${most} contexts already. Remove one first.`)
      }
      const context = await this.#takeUp(modelId, known)
      this.#contexts.set(modelId, context)
      return view(modelId, context)
    })
  }

  async get(modelId: string): Promise<ModelContext | undefined> {
    const context = this.#contexts.get(modelId)
    if (!context) return undefined
    context.lastAccessedAtMs = this.#options.clock.nowMs()
    return view(modelId, context)
  }

  async addMessage(modelId: string, message: unknown): Promise<ModelContext> {
    return this.#inTurn(modelId, async () => {
      const context = this.#contexts.get(modelId)
      if (!context) throw resourceError('context-not-found', `Context not found for model: ${modelId}`)
      const nowMs = this.#options.clock.nowMs()
      const added = readContextMessage(message, nowMs)
      const { maxTokens, contextWindow } = context.limits
      const mostTokens = Math.min(maxTokens, contextWindow)
      const { tokens } = await this.#count(modelId, [added])
      if (tokens > mostTokens) {
        this.#contexts.delete(modelId)
        const text = `Token limit exceeded: the message has ${tokens} tokens, ${mostTokens} are allowed. The context of ${modelId} is closed.`
        throw resourceError('resource-exhausted', text, { details: { tokens, mostTokens } })
      }
      const fitted = await this.#fit(modelId, [...context.messages, added], context.limits)
      Object.assign(context, fitted, { lastAccessedAtMs: nowMs })
      context.unsaved.push(added)
      this.#save(modelId, context, nowMs)
      return view(modelId, context)
    })
  }

  async remove(modelId: string): Promise<void> {
    return this.#inTurn(modelId, async () => {
      const context = this.#contexts.get(modelId)
      if (!context) {
        throw resourceError('context-not-found', `Cannot remove non-existent context: ${modelId}`)
      }
      const stored = this.#options.store.find(LOCAL_OWNER, nameOf(modelId))
      if (stored) await this.#options.store.delete(stored.id)
      this.#contexts.delete(modelId)
    })
  }

  /** Counting that is under way is given up. */
  [Symbol.dispose](): void {
    this.#closing.abort()
  }

  /** Runs one call after another, in the order in which they were made, whatever becomes of each. */
  #inTurn<Result>(modelId: string, work: () => Promise<Result>): Promise<Result> {
    const before = this.#queues.get(modelId) ?? Promise.resolve()
    const result = before.then(work)
    const ended = Promise.allSettled([result]).then(() => {
      // Nobody came after it.
      if (this.#queues.get(modelId) === ended) this.#queues.delete(modelId)
      return undefined
    })
    this.#queues.set(modelId, ended)
    return result
  }

  /** What an earlier process kept, as far as it fits now. */
  async #takeUp(modelId: string, limits: Required<ContextLimits>): Promise<OpenContext> {
    const nowMs = this.#options.clock.nowMs()
    const conversationId = this.#options.store.idOf(LOCAL_OWNER, nameOf(modelId))
    // Each message takes a token at least.
    const stored = this.#options.store.newest(
      LOCAL_OWNER,
      nameOf(modelId),
      Math.min(limits.contextWindow, MAX_TAKEN_UP),
    )
    const messages = stored.map(({ role, content, atMs }) => ({ role, content, timestamp: atMs }))
    const createdAtMs = this.#options.store.find(LOCAL_OWNER, nameOf(modelId))?.createdAtMs ?? nowMs
    const fitted = await this.#fit(modelId, messages, limits)
    return { conversationId, limits, createdAtMs, ...fitted, lastAccessedAtMs: nowMs, unsaved: [] }
  }

  /** The oldest leave until the rest fits; the newest always stays. Counted a few times, not once a message. */
  async #fit(
    modelId: string,
    messages: readonly ContextMessage[],
    { contextWindow, responseTokens }: Required<ContextLimits>,
  ): Promise<{ messages: readonly ContextMessage[]; count: TokenCount }> {
    const mostTokens = contextWindow - responseTokens
    let kept = messages
    let count = messages.length === 0 ? NOTHING : await this.#count(modelId, messages)
    if (count.tokens <= mostTokens) return { messages: kept, count }
    // `tooMany` leave too few behind; at `enough` the rest fits, or only the newest is left.
    let tooMany = 0
    let enough = messages.length - 1
    kept = messages.slice(enough)
    count = await this.#count(modelId, kept)
    while (enough - tooMany > 1) {
      const middle = (tooMany + enough) >> 1
      const rest = messages.slice(middle)
      const restCount = await this.#count(modelId, rest)
      if (restCount.tokens > mostTokens) tooMany = middle
      else [enough, kept, count] = [middle, rest, restCount]
    }
    return { messages: kept, count }
  }

  /** A disk that takes nothing now costs the caller nothing: what is unsaved waits for the next message. */
  #save(modelId: string, context: OpenContext, atMs: number): void {
    if (!(this.#options.isKept?.() ?? true)) {
      context.unsaved = []
      return
    }
    const messages = context.unsaved.map((message) => ({ message: toChat(message), atMs: message.timestamp }))
    try {
      this.#options.store.append({ owner: LOCAL_OWNER, explicitId: nameOf(modelId), modelId, atMs, messages })
      context.unsaved = []
    } catch (error) {
      context.unsaved = context.unsaved.slice(-MAX_UNSAVED)
      this.#options.onFault(error)
    }
  }

  #count(modelId: string, messages: readonly ContextMessage[]): Promise<TokenCount> {
    return this.#options.countTokens(modelId, messages.map(toChat), this.#closing.signal)
  }
}

/** The conversation of a context, by the name that any client may say to take part in it. */
function nameOf(modelId: string): string {
  return `context:${modelId}`
}

function toChat({ role, content }: ContextMessage): ChatMessage {
  return { role, content }
}

function view(modelId: string, context: OpenContext): ModelContext {
  const { conversationId, limits, createdAtMs, lastAccessedAtMs, messages, count } = context
  return {
    modelId,
    conversationId,
    messages: messages.map((message) => ({ ...message })),
    tokens: count.tokens,
    tokenSource: count.source,
    ...limits,
    createdAtMs,
    lastAccessedAtMs,
  }
}
