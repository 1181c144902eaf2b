import type { MemoryReading } from '../../src/spec/memory.ts'
import type { Footprint, ModelDefinition, ModelId } from '../../src/spec/model.ts'
import type { Scenario } from './scenario.ts'

/** The simulated machine: what really is in its memory, whatever anyone believes. */
export class Machine {
  foreignBytes = 0
  /** Of the engine process that waits for a model. */
  spareBytes = 0
  readonly #scenario: Scenario
  readonly #loaded = new Map<ModelId, ModelDefinition>()

  constructor(scenario: Scenario) {
    this.#scenario = scenario
  }

  load(definition: ModelDefinition): Footprint {
    const beforeBytes = this.#enginesBytes()
    this.#loaded.set(definition.id, definition)
    return { bytes: this.#enginesBytes() - beforeBytes, source: 'measured' }
  }

  unload(modelId: ModelId): void {
    this.#loaded.delete(modelId)
  }

  unloadAll(): void {
    this.#loaded.clear()
  }

  loadedOn(engineKey: string): readonly ModelId[] {
    return [...this.#loaded.values()].filter((other) => other.engineKey === engineKey).map((other) => other.id)
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
      gpus: [],
    }
  }

  #enginesBytes(): number {
    let sumBytes = 0
    const engines = new Set<string>()
    for (const { id, engineKey, estimate } of this.#loaded.values()) {
      const ratio = this.#scenario.actualRatio(id)
      if (!engines.has(engineKey)) sumBytes += Math.floor((estimate.weightsBytes + estimate.processBytes) * ratio)
      sumBytes += Math.floor(estimate.contextBytes * ratio)
      engines.add(engineKey)
    }
    return sumBytes
  }
}
