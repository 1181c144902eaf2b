import { describe, expect, test } from 'vitest'
import { machineStatus, modelStatus } from '../../test/support/guide-status.ts'
import { ResourceError } from '../spec/errors.ts'
import { EVENT_MEANINGS, type EventPayloads, type EventType, type GrymEvent } from '../spec/events.ts'
import { guideEvent, isGuideEvent, type ResourceManagerEvent, type ResourceManagerListener } from './guide-events.ts'
import { guideMetrics } from './guide-metrics.ts'

const nameOf = (modelId: string): string => (modelId === 'tiny' ? 'best' : modelId)
const METRICS = guideMetrics(machineStatus([modelStatus()]), () => ['best'])

/** One event of each type. */
const HAPPENED: { readonly [Type in EventType]: EventPayloads[Type] } = {
  modelLoading: { modelId: 'tiny', attempt: 1 },
  modelLoaded: {
    modelId: 'tiny',
    loadMs: 5,
    footprint: { bytes: 300_000_000, source: 'measured' },
    fromCache: true,
  },
  modelUnloaded: { modelId: 'tiny', reason: 'idle' },
  modelCached: {
    modelId: 'tiny',
    cachePath: '/h/.cache/models/tiny-1.cache',
    wasLoaded: true,
    states: 1,
    tokens: 900,
    beforeBytes: 14_000_000_000,
    afterBytes: 7_000_000_000,
    savedBytes: 7_000_000_000,
    sizeSource: 'measured',
  },
  resourcesFreed: { unloadedModels: ['tiny', 'other'] },
  metricsUpdated: {
    memory: {
      atMs: 1,
      totalBytes: 1,
      usedBytes: 1,
      availableBytes: 0,
      pressureRatio: 1,
      pressureSources: [],
      gpus: [],
    },
  },
  requestFinished: {
    requestId: 'r1',
    modelId: 'tiny',
    outcome: 'ok',
    arrivedAtMs: 1,
    queueWaitMs: 0,
    loadMs: 0,
    firstTextMs: 1,
    promptTokens: 1,
    cachedTokens: 0,
    generatedTokens: 1,
    durationMs: 2,
    footprintBytes: 5,
  },
  decided: { atMs: 1, decision: 'pin', inputs: {} },
  error: {
    code: 'MODEL_LOAD_FAILED',
    reason: 'model-load-failed',
    message: 'It did not load.',
    recoverable: true,
    modelId: 'tiny',
    requestId: 'r1',
  },
}

function told(type: EventType, data: object = {}, metrics = METRICS): ResourceManagerEvent | undefined {
  const event = { id: 1, atMs: 5, type, data: { ...HAPPENED[type], ...data } } as GrymEvent
  return guideEvent(event, metrics, nameOf)
}

const TOLD: { readonly [Type in EventType]: object | undefined } = {
  modelLoading: undefined,
  modelLoaded: { modelId: 'best', fromCache: true, metrics: METRICS.models.get('best') },
  modelUnloaded: { modelId: 'best', reason: 'idle' },
  modelCached: {
    modelId: 'best',
    cachePath: '/h/.cache/models/tiny-1.cache',
    metrics: { beforeSize: 14_000, afterSize: 7_000, savedMemory: 7_000 },
  },
  resourcesFreed: { unloadedModels: ['best', 'other'] },
  metricsUpdated: METRICS,
  requestFinished: undefined,
  decided: undefined,
  error: {
    error: expect.any(ResourceError) as unknown,
    code: 'MODEL_LOAD_FAILED',
    reason: 'model-load-failed',
    recoverable: true,
    modelId: 'best',
    context: { reason: 'model-load-failed', modelId: 'best', requestId: 'r1' },
  },
}

describe.each(Object.keys(EVENT_MEANINGS) as EventType[])('%s', (type) => {
  test('is told by the guide’s payload, or not at all', () => {
    const data = TOLD[type]
    expect(told(type)).toStrictEqual(data && [type, { type, ...data }])
    expect(isGuideEvent({ id: 1, atMs: 5, type, data: HAPPENED[type] } as GrymEvent)).toBe(data !== undefined)
  })
})

test('a load of a model that has left again is not told', () => {
  expect(
    told(
      'modelLoaded',
      {},
      guideMetrics(machineStatus(), () => ['best']),
    ),
  ).toBeUndefined()
})

test('an error is one to throw: its words, code and reason', () => {
  const event = told('error')
  const error = event?.[0] === 'error' ? event[1].error : undefined
  expect([error?.message, error?.code, error?.reason, error?.isRetryable]).toEqual([
    'It did not load.',
    'MODEL_LOAD_FAILED',
    'model-load-failed',
    true,
  ])
})

test('an error of no model names none', () => {
  const data = told('error', { modelId: undefined, requestId: undefined })?.[1]
  expect(data).toMatchObject({ context: { reason: 'model-load-failed' } })
  expect(data).not.toHaveProperty('modelId')
  expect(Object.keys((data as { context: object }).context)).toEqual(['reason'])
})

describe('a listener is typed', () => {
  /** Every line of it is checked by the compiler: `type` says what `data` is. */
  const listener: ResourceManagerListener = (type, data) => {
    switch (type) {
      case 'modelLoaded': {
        const text: string = data.modelId
        const usedMb: number = data.metrics.memoryUsage
        heard.push(text, usedMb, data.fromCache)
        break
      }
      case 'modelUnloaded':
        heard.push(data.modelId, data.reason === 'idle')
        break
      case 'resourcesFreed': {
        const models: string[] = data.unloadedModels
        heard.push(...models)
        break
      }
      case 'metricsUpdated':
        heard.push(data.system.totalMemory, data.models.size)
        break
      case 'error': {
        const error: ResourceError = data.error
        heard.push(error.message, data.recoverable)
        break
      }
      case 'memoryOptimized':
        heard.push(data.savedMemory, data.strategy)
        break
      case 'contextCompressed':
        heard.push(data.metrics.compressionRatio)
        break
      case 'workingMemoryOptimized':
        heard.push(data.metrics.memoryReduction)
        break
      case 'modelCached':
        heard.push(data.cachePath, data.metrics.savedMemory)
        break
      case 'contextPruned':
        heard.push(data.metrics.removedMessages)
        break
    }
  }
  const heard: unknown[] = []

  test('by the name of the event', () => {
    for (const type of Object.keys(HAPPENED) as EventType[]) {
      const event = told(type)
      if (event) listener(...event)
    }
    expect(heard).toEqual([
      'best',
      300,
      true,
      'best',
      true,
      '/h/.cache/models/tiny-1.cache',
      7_000,
      'best',
      'other',
      8_000,
      1,
      'It did not load.',
      true,
    ])
  })

  test('by the name that stands in the data, too', () => {
    const models: string[] = []
    const byData: ResourceManagerListener = (_type, data) => {
      if (data.type === 'modelLoaded') models.push(data.metrics.contextState.modelId)
    }
    const event = told('modelLoaded')
    if (event) byData(...event)
    expect(models).toEqual(['best'])
  })

  test('so that what an event does not have is an error of the compiler', () => {
    const wrong: ResourceManagerListener = (type, data) => {
      // @ts-expect-error: not every event is about a model
      heard.push(data.modelId)
      // @ts-expect-error: there is no such event
      if (type === 'modelLoded') heard.push(type)
      // @ts-expect-error: what is freed are several models
      if (type === 'resourcesFreed') heard.push(data.modelId)
    }
    expect(wrong).toHaveLength(2)
  })
})
