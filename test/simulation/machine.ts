import type { GpuPlacement } from '../../src/spec/gpu-placement.ts'
import type { GpuReading } from '../../src/spec/gpu.ts'
import type { MemoryReading } from '../../src/spec/memory.ts'
import type { EngineKey, Footprint, ModelDefinition, ModelId } from '../../src/spec/model.ts'
import type { Scenario } from './scenario.ts'

/** The simulated machine: what really is in its memory, whatever anyone believes. */
export class Machine {
  foreignBytes = 0
  /** Of the engine process that waits for a model. */
  spareBytes = 0
  /** Of other programs, by GPU. */
  readonly foreignGpuBytes: Map<number, number> = new Map<number, number>()
  readonly #scenario: Scenario
  readonly #loaded = new Map<ModelId, Loaded>()
  /** Where the weights lie that a process has loaded: with the first model on them, and for as long as one is left. */
  readonly #weights = new Map<EngineKey, GpuPlacement | undefined>()

  constructor(scenario: Scenario) {
    this.#scenario = scenario
  }

  /** `undefined` = a GPU had no room for it; nothing was loaded. */
  load(definition: ModelDefinition, placement: GpuPlacement | undefined): Footprint | undefined {
    const beforeBytes = this.#enginesBytes()
    const isFirst = !this.#weights.has(definition.engineKey)
    this.#loaded.set(definition.id, { definition, placement })
    if (isFirst) this.#weights.set(definition.engineKey, placement)
    const isOverfull = this.#gpus().some(({ usedBytes, totalBytes }) => usedBytes > totalBytes)
    if (!isOverfull) return { bytes: this.#enginesBytes() - beforeBytes, source: 'measured' }
    this.unload(definition.id)
    return undefined
  }

  unload(modelId: ModelId): void {
    const loaded = this.#loaded.get(modelId)
    this.#loaded.delete(modelId)
    if (loaded && this.loadedOn(loaded.definition.engineKey).length === 0)
      this.#weights.delete(loaded.definition.engineKey)
  }

  unloadAll(): void {
    this.#loaded.clear()
    this.#weights.clear()
  }

  loadedOn(engineKey: string): readonly ModelId[] {
    const definitions = [...this.#loaded.values()].map(({ definition }) => definition)
    return definitions.filter((other) => other.engineKey === engineKey).map((other) => other.id)
  }

  read(atMs: number): MemoryReading {
    const { totalBytes } = this.#scenario
    const usedBytes = Math.min(totalBytes, this.foreignBytes + this.spareBytes + this.#enginesBytes())
    const pressureRatio = usedBytes / totalBytes
    return {
      atMs,
      totalBytes,
      usedBytes,
      availableBytes: totalBytes - usedBytes,
      pressureRatio,
      pressureSources: [{ name: 'ram', ratio: pressureRatio, note: 'simulated' }],
      gpus: this.#gpus().map((gpu) => ({ ...gpu, usedBytes: Math.min(gpu.usedBytes, gpu.totalBytes) })),
    }
  }

  #enginesBytes(): number {
    let sumBytes = 0
    const engines = new Set<string>()
    for (const { definition, placement } of this.#loaded.values()) {
      const { id, engineKey, estimate } = definition
      const ratio = this.#scenario.actualRatio(id)
      const sparedBytes = this.#weights.get(engineKey)?.sparedWeightsBytes ?? 0
      const weightsBytes = estimate.weightsBytes + estimate.processBytes - sparedBytes
      if (!engines.has(engineKey)) sumBytes += Math.floor(weightsBytes * ratio)
      sumBytes += Math.floor((estimate.contextBytes - (placement?.sparedContextBytes ?? 0)) * ratio)
      engines.add(engineKey)
    }
    return sumBytes
  }

  #gpus(): readonly GpuReading[] {
    return this.#scenario.gpuBytes.map((totalBytes, index) => ({
      index,
      name: `simulated GPU ${index}`,
      vendor: 'nvidia',
      totalBytes,
      usedBytes: (this.foreignGpuBytes.get(index) ?? 0) + this.#onGpuBytes(index),
      isShared: false,
      source: 'nvidia-smi',
    }))
  }

  #onGpuBytes(gpu: number): number {
    let sumBytes = 0
    const shareOf = (placement: GpuPlacement | undefined) => placement?.shares.find((share) => share.gpu === gpu)
    for (const placement of this.#weights.values()) {
      const share = shareOf(placement)
      if (share) sumBytes += share.deviceBytes + share.weightsBytes
    }
    for (const { definition, placement } of this.#loaded.values()) {
      sumBytes += Math.floor((shareOf(placement)?.contextBytes ?? 0) * this.#scenario.actualRatio(definition.id))
    }
    return sumBytes
  }
}

interface Loaded {
  readonly definition: ModelDefinition
  readonly placement: GpuPlacement | undefined
}
