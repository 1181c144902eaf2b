import type { ModelStatus, Status } from '../../src/spec/status.ts'

/** A model that is ready, 300 MB of it measured. */
export function modelStatus(changes: Partial<ModelStatus> = {}): ModelStatus {
  return {
    id: 'tiny',
    state: 'ready',
    platform: 'local',
    footprintBytes: 300_000_000,
    footprintSource: 'measured',
    contextTokens: 2_048,
    usedContextTokens: 17,
    buffers: { contextBytes: 50_000_000, weightsBytes: 200_500_000, workingBytes: 49_500_000 },
    gpu: null,
    loadMs: 1_234,
    activeRequests: 1,
    pinned: false,
    lastUsedAtMs: 5_000,
    expiresAtMs: null,
    pid: 7,
    ...changes,
  }
}

/** A machine of 8 GB with these models. */
export function machineStatus(models: readonly ModelStatus[] = [], lastEventId = 0): Status {
  return {
    version: '1.2.3',
    instanceId: 'here',
    pid: 1,
    cores: 2,
    uptimeMs: 5,
    pressureRatio: 0.25,
    memory: {
      totalBytes: 8_000_000_000,
      availableBytes: 6_000_000_000,
      usedBytes: 2_000_000_000,
      peakUsedBytes: 2_500_000_000,
      pressureSources: [{ name: 'ram', ratio: 0.25, note: 'used 2 GB of 8 GB' }],
      gpus: [],
    },
    gpuBackend: null,
    gpuFault: null,
    spare: null,
    models,
    duplicates: [],
    engineCounters: {},
    queue: { waiting: 0, running: 0 },
    kvcache: null,
    lastRestore: null,
    lastEventId,
  }
}
