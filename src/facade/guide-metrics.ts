import type { PressureSource } from '../spec/memory.ts'
import type { Platform } from '../spec/model.ts'
import type { ModelStatus, Status } from '../spec/status.ts'

/** What the kinds of memory of one model take, MB. */
export interface MemoryBuffers {
  /** Context window memory. */
  readonly context: number
  /** Model weights. */
  readonly model: number
  /** Working memory for inference. */
  readonly working: number
}

export interface ModelResourceMetrics {
  /** MB. */
  readonly memoryUsage: number
  /** Where {@link memoryUsage} is from: `measured`, `estimated`, … */
  readonly memorySource: ModelStatus['footprintSource']
  /** How long the last load took, ms; 0 = none was finished. */
  readonly loadTime: number
  /** Tokens in the context now. */
  readonly contextSize: number
  readonly lastUsed: Date
  readonly activeRequests: number
  readonly platform: Platform
  readonly status: 'loading' | 'ready' | 'unloading' | 'error'
  readonly buffers: MemoryBuffers
  readonly contextState: {
    readonly modelId: string
    /** Tokens in the context now. */
    readonly tokens: number
    /** Tokens it can hold. */
    readonly contextWindow: number
  }
}

/** One GPU, MB (decimal). */
export interface GpuResources {
  readonly name: string
  readonly totalMemory: number
  /** What is not free, by whomever it is taken. */
  readonly usedMemory: number
}

/** The machine, MB (decimal). */
export interface SystemResources {
  readonly totalMemory: number
  /** In use, by whomever. */
  readonly allocatedMemory: number
  readonly availableMemory: number
  /** The most that was in use since the start. */
  readonly peakMemory: number
  readonly availableCores: number
  /** Of all GPUs together; absent where no GPU was found. */
  readonly gpuMemory?: number
  readonly gpus: readonly GpuResources[]
  /** 0–1. */
  readonly memoryPressure: number
  readonly pressureSources: readonly PressureSource[]
}

export interface ResourceMetrics {
  readonly system: SystemResources
  /** Models in memory, on their way there, or in error, by id. */
  readonly models: Map<string, ModelResourceMetrics>
}

/** The guide's megabytes are decimal. */
const BYTES_PER_MB = 1_000_000

export function megabytes(bytes: number): number {
  return bytes / BYTES_PER_MB
}

export function bytesOf(mb: number): number {
  return Math.round(mb * BYTES_PER_MB)
}

/** @param namesOf the names under which the caller knows a model. */
export function guideMetrics(status: Status, namesOf: (modelId: string) => readonly string[]): ResourceMetrics {
  const models = new Map<string, ModelResourceMetrics>()
  for (const model of status.models) {
    if (model.state === 'unloaded') continue
    for (const name of namesOf(model.id)) models.set(name, modelMetrics(model, model.state, name))
  }
  return { system: systemResources(status), models }
}

function systemResources({ memory, cores, pressureRatio }: Status): SystemResources {
  const gpuBytes = memory.gpus.reduce((sumBytes, { totalBytes }) => sumBytes + totalBytes, 0)
  return {
    totalMemory: megabytes(memory.totalBytes),
    allocatedMemory: megabytes(memory.usedBytes),
    availableMemory: megabytes(memory.availableBytes),
    peakMemory: megabytes(memory.peakUsedBytes),
    availableCores: cores,
    ...(memory.gpus.length > 0 && { gpuMemory: megabytes(gpuBytes) }),
    gpus: memory.gpus.map(({ name, totalBytes, usedBytes }) => ({
      name,
      totalMemory: megabytes(totalBytes),
      usedMemory: megabytes(usedBytes),
    })),
    memoryPressure: pressureRatio,
    pressureSources: memory.pressureSources,
  }
}

function modelMetrics(
  model: ModelStatus,
  status: ModelResourceMetrics['status'],
  modelId: string,
): ModelResourceMetrics {
  const { contextBytes, weightsBytes, workingBytes } = model.buffers
  return {
    memoryUsage: megabytes(model.footprintBytes),
    memorySource: model.footprintSource,
    loadTime: model.loadMs ?? 0,
    contextSize: model.usedContextTokens,
    lastUsed: new Date(model.lastUsedAtMs ?? 0),
    activeRequests: model.activeRequests,
    platform: model.platform,
    status,
    buffers: { context: megabytes(contextBytes), model: megabytes(weightsBytes), working: megabytes(workingBytes) },
    contextState: { modelId, tokens: model.usedContextTokens, contextWindow: model.contextTokens },
  }
}
