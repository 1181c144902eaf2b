import type { EngineAge } from './engine-age.ts'
import { type FakeOllamaKnobs, slotsOf } from './knobs.ts'
import type { LoadOptions } from './load-options.ts'
import type { FakeModel } from './models.ts'
import { Refusal } from './refusal.ts'
import type { RunnerMemory } from './runner.ts'

/** Weights and KV cache, and the share of them that lies on GPUs: that of the layers, all when nobody says how many. */
export function memoryOf(model: FakeModel, options: LoadOptions, age: EngineAge, knobs: FakeOllamaKnobs): RunnerMemory {
  if (age === 'llama-server' && model.isSizeUnknown === true) {
    return { sizeBytes: model.fileBytes, sizeVramBytes: model.fileBytes }
  }
  const kvBytes = model.kvBytesPerToken * options.numCtxTokens * slotsOf(model, knobs)
  const sizeBytes = model.sizeBytes ?? model.fileBytes + kvBytes
  const layerCount = model.blockCount + 1
  const layersRatio = options.numGpu < 0 ? 1 : Math.min(1, options.numGpu / layerCount)
  const automaticBytes = knobs.vramBytes > 0 ? Math.min(knobs.vramBytes, Math.floor(sizeBytes * layersRatio)) : 0
  return { sizeBytes, sizeVramBytes: model.sizeVramBytes ?? automaticBytes }
}

/** What is answered when a model does not fit with nothing else loaded. */
export function refusedForMemory(age: EngineAge, needBytes: number, freeBytes: number): Refusal {
  if (age === 'llama-server') {
    return new Refusal(500, 'llama-server process has terminated: exit status 1: unable to allocate buffer')
  }
  return new Refusal(
    500,
    `model requires more system memory (${humanBytes(needBytes)}) than is available (${humanBytes(freeBytes)})`,
  )
}

/** Ollama's binary form: `5.6 GiB`. */
function humanBytes(bytes: number): string {
  if (bytes >= 2 ** 30) return `${(bytes / 2 ** 30).toFixed(1)} GiB`
  if (bytes >= 2 ** 20) return `${(bytes / 2 ** 20).toFixed(1)} MiB`
  return bytes >= 2 ** 10 ? `${(bytes / 2 ** 10).toFixed(1)} KiB` : `${Math.max(0, bytes)} B`
}
