import { budgetBytes, committedBytes } from '../../src/core/budget.ts'
import { queueOrder } from '../../src/core/requests.ts'
import type { Effect } from '../../src/core/effect.ts'
import { committedGpuBytes, usableGpus } from '../../src/core/gpu-room.ts'
import type { World } from '../../src/core/world.ts'
import { isInMemory } from '../../src/core/world.ts'

/**
 * Watches a run from outside: keeps its own books from effects and events, and fails on the first broken promise.
 * The promises are those of the house (docs/ARCHITECTURE.md, "What the simulator proves").
 */
export class Invariants {
  readonly #inTransition = new Set<string>()
  readonly #leases = new Map<string, string>()
  readonly #asked = new Set<string>()
  readonly #answered = new Set<string>()

  asked(requestId: string): void {
    this.#asked.add(requestId)
  }

  unanswered(): string[] {
    return [...this.#asked].filter((requestId) => !this.#answered.has(requestId))
  }

  /** The daemon died and its engines with it: no transition and no lease is left. */
  forgetEngines(): void {
    this.#inTransition.clear()
    this.#leases.clear()
  }

  /** Before the events of one step are applied: what ended since. */
  transitionEnded(modelId: string): void {
    this.#inTransition.delete(modelId)
  }

  leaseEnded(requestId: string): void {
    this.#leases.delete(requestId)
  }

  /** The client got its whole answer, an error, or left. */
  answered(requestId: string): void {
    if (this.#answered.has(requestId)) throw new Error(`${requestId} was answered twice`)
    this.#answered.add(requestId)
  }

  isAnswered(requestId: string): boolean {
    return this.#answered.has(requestId)
  }

  check(world: World, effects: readonly Effect[]): void {
    for (const effect of effects) this.#checkEffect(world, effect)
    this.#checkWorld(world, effects)
  }

  /** When the world has gone quiet. */
  checkQuiet(world: World): void {
    if (world.queue.length > 0) throw new Error(`${world.queue.length} requests still wait in a quiet world`)
    const usedBytes = world.memory.totalBytes - world.memory.availableBytes
    if (world.spare && usedBytes > budgetBytes(world)) throw new Error('a spare process is kept beyond the budget')
    for (const requestId of this.unanswered()) throw new Error(`${requestId} was never answered`)
    for (const model of world.models.values()) {
      if (model.running.size > 0) throw new Error(`${model.definition.id} is leased in a quiet world`)
      if (model.allocatedBytes > 0 && !isInMemory(model))
        throw new Error(`${model.definition.id} keeps an unused promise`)
      if (model.state === 'loading' || model.state === 'unloading') {
        throw new Error(`${model.definition.id} is still ${model.state} in a quiet world`)
      }
    }
  }

  #checkEffect(world: World, effect: Effect): void {
    switch (effect.type) {
      case 'load':
        checkPlacement(world, effect)
        return this.#beginTransition(effect.definition.id)
      case 'abortLoad':
        this.#inTransition.delete(effect.modelId)
        return
      case 'unload': {
        this.#beginTransition(effect.modelId)
        const model = world.models.get(effect.modelId)
        const isLeased = [...this.#leases.values()].includes(effect.modelId)
        if (isLeased) throw new Error(`${effect.modelId} is unloaded while leased`)
        const reason = model?.leaving
        if (model?.pinned && reason !== 'requested' && reason !== 'shutdown') {
          throw new Error(`${effect.modelId} is pinned and unloaded as ${reason}`)
        }
        return
      }
      case 'grant':
        return this.#checkGrant(world, effect)
      case 'end':
        this.leaseEnded(effect.requestId)
        return this.answered(effect.requestId)
      case 'dropSpare':
        if (!world.spare?.isLeaving) throw new Error('a spare process is dropped that is not there')
        return
      case 'record':
      case 'publish':
        return
    }
  }

  #checkGrant(world: World, { requestId, modelId }: Extract<Effect, { type: 'grant' }>): void {
    if (this.#answered.has(requestId)) throw new Error(`${requestId} is served after its answer`)
    if (this.#leases.has(requestId)) throw new Error(`${requestId} takes a lease while holding one`)
    const model = world.models.get(modelId)
    if (model?.state !== 'ready') throw new Error(`${requestId} is granted a model that is not ready`)
    this.#leases.set(requestId, modelId)
  }

  #beginTransition(modelId: string): void {
    if (this.#inTransition.has(modelId)) throw new Error(`${modelId} has two transitions at once`)
    this.#inTransition.add(modelId)
  }

  #checkWorld(world: World, effects: readonly Effect[]): void {
    const models = [...world.models.values()]
    const commits = effects.some(
      (effect) => effect.type === 'load' || (effect.type === 'record' && effect.entry.decision === 'allocate'),
    )
    if (commits && committedBytes(world) > budgetBytes(world)) {
      throw new Error(`a load or a promise breaks the budget: ${committedBytes(world)} of ${budgetBytes(world)}`)
    }
    const inMemory = models.filter(isInMemory).length
    if (inMemory > world.settings.limits.maxModelsLoaded) throw new Error(`${inMemory} models in memory`)
    const busy = new Set(models.filter((model) => model.running.size > 0).map((model) => model.definition.engineKey))
    if (busy.size > world.settings.limits.maxBusyEngines) throw new Error(`${busy.size} engines generate at once`)
    checkIdle(world)
    world.queue.forEach((request, place) => {
      const before = world.queue[place - 1]
      if (before && queueOrder(before, request) > 0)
        throw new Error(`${request.requestId} waits behind ${before.requestId}`)
    })
    for (const model of models) {
      if (model.running.size > model.definition.parallel) throw new Error(`${model.definition.id} has too many leases`)
    }
    if (world.queue.length > world.settings.limits.maxQueuedRequests + world.requests.size) {
      throw new Error('the queue is longer than its limit')
    }
  }
}

/** Whoever is to go as soon as nobody needs it is on its way, and whoever has no timer is not. */
function checkIdle(world: World): void {
  for (const model of world.models.values()) {
    const { definition, keepAliveMs } = model
    if (model.leaving === 'idle' && keepAliveMs === null)
      throw new Error(`${definition.id} has no timer and leaves as idle`)
    const isNeeded =
      model.pinned || model.running.size > 0 || world.queue.some(({ modelId }) => modelId === definition.id)
    if (model.state !== 'ready' || isNeeded || keepAliveMs !== 0 || model.unloadRetryAtMs > world.nowMs) continue
    if (model.leaving === undefined) throw new Error(`${definition.id} is idle and stays, though it is to go at once`)
  }
}

/** A load never puts more onto a GPU than it may hold, by what is known then, nor more layers than a person allows. */
function checkPlacement(world: World, { definition, placement }: Extract<Effect, { type: 'load' }>): void {
  if (!placement) return
  const { gpu } = definition
  const isBeside = world.models.get(definition.id)?.load?.isBesideWeights === true
  const most = isBeside
    ? Infinity
    : world.gpuFault === undefined
      ? Math.min(gpu?.mostLayers ?? 0, gpu?.layers.length ?? 0)
      : 0
  if (!gpu || placement.layers > most) {
    throw new Error(`${definition.id} is loaded with ${placement.layers} layers on GPUs, which it may not have there`)
  }
  const { memoryThreshold } = world.settings.limits
  for (const { index, totalBytes, usedBytes } of usableGpus(world)) {
    if (!placement.shares.some((share) => share.gpu === index)) continue
    const onGpuBytes = committedGpuBytes(world, index, usedBytes)
    if (onGpuBytes > memoryThreshold * totalBytes) {
      throw new Error(`${definition.id} fills GPU ${index}: ${onGpuBytes} of ${totalBytes} are committed`)
    }
  }
}
