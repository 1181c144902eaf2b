import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ResourceError } from '../spec/errors.ts'
import type { ModelEntryConfig, ResourceManagerConfig } from '../spec/guide-config.ts'
import { type Config, resolveConfig } from './config.ts'
import { applyChange } from './configure.ts'
import { OPTIONS } from './options.ts'

const BASE = resolveConfig({ env: { HOME: '/home/you', GRYM_MODELS: '/m' }, flags: {} })

function refusal(change: unknown, config: Config = BASE): string {
  try {
    applyChange(config, change)
  } catch (error) {
    expect(error).toMatchObject({ name: 'ResourceError', reason: 'config-invalid' })
    return error instanceof Error ? error.message : ''
  }
  throw new Error('It was accepted.')
}

/** The guide's own example. */
const GUIDE: ResourceManagerConfig = {
  limits: { maxModelsLoaded: 3, memoryThreshold: 0.8, inactivityTimeout: 300_000 },
  modelSizes: { 'deepseek-r1:14b': 14_000, 'qwen2.5-coder': 7_000 },
  buffers: {
    context: { initial: 2_000, max: 4_000, compressionThreshold: 0.8 },
    working: { initial: 1_000, max: 2_000, optimizationThreshold: 0.9 },
  },
  memoryPressure: { warning: 0.7, critical: 0.9, action: 'compress' },
  debug: true,
}

describe('a change', () => {
  test('of the guide’s form is taken, in its units', () => {
    const config = applyChange(BASE, GUIDE)
    expect(config.modelSizesBytes).toEqual({ 'deepseek-r1:14b': 14_000_000_000, 'qwen2.5-coder': 7_000_000_000 })
    expect(config.buffers.context).toEqual({
      initialBytes: 2_000_000_000,
      maxBytes: 4_000_000_000,
      compressionThreshold: 0.8,
    })
    expect(config).toMatchObject({ idleTimeoutMs: 300_000, debug: true, logLevel: 'debug' })
    expect(config.origins).toMatchObject({ 'limits.maxModelsLoaded': 'configure', 'limits.whenFull': 'default' })
  })

  test('may be any part of it, and changes nothing else', () => {
    const config = applyChange(BASE, { limits: { memoryThreshold: 0.5 } })
    expect(config).toEqual({
      ...BASE,
      settings: { ...BASE.settings, limits: { ...BASE.settings.limits, memoryThreshold: 0.5 } },
      values: { ...BASE.values, 'limits.memoryThreshold': 0.5 },
      origins: { ...BASE.origins, 'limits.memoryThreshold': 'configure' },
      sources: { ...BASE.sources, 'limits.memoryThreshold': 'configure' },
    })
    expect(applyChange(BASE, {})).toEqual(BASE)
    expect(applyChange(BASE, { limits: {}, modelSizes: {} }).values).toEqual(BASE.values)
  })

  test('adds to those before it', () => {
    const first = applyChange(BASE, { limits: { maxModelsLoaded: 5 }, modelSizes: { a: 1, b: 1 } })
    const second = applyChange(first, { limits: { memoryThreshold: 0.5 }, modelSizes: { b: 2 } })
    expect(second.settings.limits).toMatchObject({ maxModelsLoaded: 5, memoryThreshold: 0.5 })
    expect(second.modelSizesBytes).toEqual({ a: 1_000_000, b: 2_000_000 })
    expect(first.modelSizesBytes).toEqual({ a: 1_000_000, b: 1_000_000 })
  })

  test('replaces an entry as a whole', () => {
    const first = applyChange(BASE, { models: { entries: { a: { source: 'b', context: 512 }, c: 'd' } } })
    const second = applyChange(first, { models: { entries: { a: { pin: true } } } })
    expect(second.entries['a']).toEqual({ aliases: [], settings: { pinned: true } })
    expect(Object.keys(second.entries)).toEqual(['a', 'c'])
  })

  test('wins over flags, the environment and the file', () => {
    const config = resolveConfig({ env: {}, flags: { '--max-models': '7' } })
    expect(applyChange(config, { limits: { maxModelsLoaded: 2 } }).settings.limits.maxModelsLoaded).toBe(2)
  })

  test('may name times as text, and -1 for none', () => {
    expect(applyChange(BASE, { limits: { inactivityTimeout: '1h' } }).idleTimeoutMs).toBe(3_600_000)
    expect(applyChange(BASE, { limits: { inactivityTimeout: -1 } }).idleTimeoutMs).toBeNull()
  })

  test('leaves out what is undefined', () => {
    expect(applyChange(BASE, { limits: { maxModelsLoaded: undefined }, debug: undefined })).toEqual(BASE)
  })

  test('must not bring what contradicts what is in force', () => {
    expect(refusal({ memoryPressure: { warning: 0.95 } })).toMatch(
      /^configure \(memoryPressure\.warning\): 0\.95 is not allowed: at most memoryPressure\.critical, which is 0\.9/,
    )
    const high = applyChange(BASE, { memoryPressure: { warning: 0.95, critical: 0.99 } })
    expect(refusal({ memoryPressure: { critical: 0.9 } }, high)).toContain('memoryPressure.warning')
    const entries = applyChange(BASE, { models: { entries: { a: 'b' } } })
    expect(refusal({ models: { entries: { b: 'a' } } }, entries)).toContain('a → b → a')
  })
})

describe('what cannot be is refused with its key, its value and what is allowed', () => {
  const cyclic: Record<string, unknown> = {}
  cyclic['limits'] = cyclic

  test.each<[string, unknown, RegExp]>([
    ['no object', 5, /^configure: 5 is not allowed: an object/],
    ['nothing', null, /^configure: null is not allowed/],
    ['undefined', undefined, /^configure: undefined is not allowed/],
    ['a list', [{ limits: {} }], /^configure: \[/],
    ['an instance', new Map(), /^configure: .*Map.* is no plain object/],
    ['an unknown key', { limit: {} }, /^configure \(limit\): 'limit' is no key; did you mean limits\?$/],
    ['an unknown key below', { limits: { maxModels: 3 } }, /\(limits\.maxModels\): 'maxModels' is no key/],
    ['a list for a group', { limits: [3] }, /\(limits\): \[ 3 \] is not allowed: a group of maxModelsLoaded/],
    ['null for a group', { limits: null }, /\(limits\): null is not allowed: a group of/],
    ['null for a map', { modelSizes: null }, /\(modelSizes\): null is not allowed/],
    ['NaN', { limits: { maxModelsLoaded: NaN } }, /: NaN is not allowed: a whole number from 1 to 1000/],
    ['Infinity', { limits: { inactivityTimeout: Infinity } }, /: Infinity is not allowed/],
    ['a negative number', { modelSizes: { a: -5 } }, /\(modelSizes\.a\): -5 is not allowed: a size in MB above 0/],
    ['a text for a number', { limits: { maxModelsLoaded: '3' } }, /: '3' is not allowed/],
    ['a number for a truth', { debug: 1 }, /^configure \(debug\): 1 is not allowed: true or false/],
    ['another choice', { memoryPressure: { action: 'panic' } }, /: 'panic' is not allowed: one of compress, unload/],
    ['a cycle', cyclic, /\(limits\): it contains itself/],
    ['a prototype', JSON.parse('{"__proto__": {"debug": true}}'), /'__proto__' is no key/],
    ['a constructor', { limits: { constructor: 1 } }, /\(limits\.constructor\): 'constructor' is no key/],
    ['a relative path', { models: { entries: { a: './m.gguf' } } }, /'\.\/m\.gguf' is not allowed: an absolute path/],
  ])('%s', (_name, change, expected) => {
    expect(refusal(change)).toMatch(expected)
  })

  test('a getter that throws', () => {
    const change = {
      get limits(): never {
        throw new Error('not now')
      },
    }
    expect(refusal(change)).toBe('configure: it cannot be read: not now.')
  })

  test('all at once, and nothing of it holds', () => {
    const change = { limits: { maxModelsLoaded: 5, memoryThreshold: 5 }, debug: 'on', zzz: 1 }
    expect(refusal(change).split('\n')).toEqual([
      'configure: 3 problems.',
      expect.stringContaining('limits.memoryThreshold'),
      expect.stringContaining('debug'),
      expect.stringContaining('zzz'),
    ])
    expect(BASE.settings.limits.maxModelsLoaded).toBe(3)
  })

  test('no object is given another prototype', () => {
    refusal(JSON.parse('{"__proto__": {"polluted": true}, "modelSizes": {"__proto__": {"polluted": true}}}'))
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
    expect(BASE.modelSizesBytes['polluted']).toBeUndefined()
  })
})

test.each(OPTIONS.filter(({ scope }) => scope !== 'live').map(({ key, scope }) => [key, scope]))(
  '%s cannot change while grym runs, and it is said where it can',
  (key, scope) => {
    const change = key.split('.').reduceRight<unknown>((inner, part) => ({ [part]: inner }), 'x')
    expect(refusal(change)).toMatch(scope === 'start' ? /in grym\.yaml and restart/ : /set (--|GRYM_).* and restart/)
  },
)

test('a path under the user’s own folder is taken', () => {
  expect(applyChange(BASE, { models: { entries: { a: '~/m.gguf' } } }).entries['a']?.source).toEqual({
    kind: 'file',
    path: '/home/you/m.gguf',
  })
})

describe('whatever is given', () => {
  const value = fc.oneof(
    fc.anything(),
    fc.constantFrom<unknown>(0, 1, 0.5, -1, 4_000, '5m', true, 'evict', 'compress', 'cache', null, { a: 1 }),
  )
  const keys = OPTIONS.map(({ key }) => key)
  const structured = fc.array(fc.tuple(fc.constantFrom(...keys), value), { maxLength: 4 }).map((pairs) => {
    const change: Record<string, unknown> = {}
    for (const [key, given] of pairs) {
      const parts = key.split('.')
      const last = parts.pop() ?? ''
      let group = change
      for (const part of parts) group = (group[part] ??= {}) as Record<string, unknown>
      group[last] = given
    }
    return change
  })

  test('it is refused, or makes a configuration that passes; the old one stays as it was', () => {
    const before = structuredClone(BASE)
    fc.assert(
      fc.property(fc.oneof(structured, fc.jsonValue(), fc.anything()), (change) => {
        let config: Config
        try {
          config = applyChange(BASE, change)
        } catch (error) {
          expect(error).toBeInstanceOf(ResourceError)
          expect(error).toMatchObject({ reason: 'config-invalid' })
          return
        }
        expect(Object.keys(config.values)).toEqual(Object.keys(BASE.values))
        expect(config.memoryPressure.warning).toBeLessThanOrEqual(config.memoryPressure.critical)
        expect(config.settings.limits.maxModelsLoaded).toBeGreaterThanOrEqual(1)
        expect(applyChange(config, {})).toEqual(config)
      }),
      { numRuns: 2_000 },
    )
    expect(structuredClone(BASE)).toEqual(before)
  })
})

describe('the guide’s type', () => {
  /** Keys of the type, as far down as the table goes. */
  type Keys<Of, Prefix extends string = ''> = {
    [Name in keyof Of & string]: NonNullable<Of[Name]> extends readonly unknown[] | string | number | boolean
      ? `${Prefix}${Name}`
      : string extends keyof NonNullable<Of[Name]>
        ? `${Prefix}${Name}`
        : NonNullable<Of[Name]> extends object
          ? Keys<NonNullable<Of[Name]>, `${Prefix}${Name}.`>
          : `${Prefix}${Name}`
  }[keyof Of & string]

  /** A value of each key; the compiler refuses one that is missing or too much. */
  const SAMPLES: Readonly<Record<Keys<ResourceManagerConfig>, unknown>> = {
    'limits.maxModelsLoaded': 3,
    'limits.memoryThreshold': 0.8,
    'limits.inactivityTimeout': '5m',
    'limits.loadTimeout': 1,
    'limits.maxQueuedRequests': 1,
    'limits.whenFull': 'evict',
    modelSizes: { a: 1 },
    'buffers.context.initial': 1,
    'buffers.context.max': 4_000,
    'buffers.context.compressionThreshold': 0.8,
    'buffers.working.initial': 1,
    'buffers.working.max': 4_000,
    'buffers.working.optimizationThreshold': 0.9,
    'memoryPressure.warning': 0.7,
    'memoryPressure.critical': 0.9,
    'memoryPressure.action': 'unload',
    debug: false,
    'contextPreservation.enabled': true,
    'contextPreservation.preservationStrategy': 'hybrid',
    'contextPreservation.maxPreservedContexts': 5,
    'contextPreservation.preservationThreshold': 0.6,
    'contextPreservation.summarizationConfig.maxTokens': 1,
    'contextPreservation.summarizationConfig.method': 'extractive',
    'contextPreservation.summarizationConfig.preserveRecentMessages': 5,
    'contextPreservation.summarizationConfig.compressionRatio': 0.5,
    'contextPreservation.summarizationConfig.minPreservedQuality': 0.7,
    'monitoring.sampleIntervalMs': 100,
    'monitoring.intervalMs': 100,
    'models.default': 'a',
    'models.contextTokens': 256,
    'models.parallel': 1,
    'models.kvType': 'f16',
    'models.gpu': 'off',
    'models.gpuLayers': 0,
    'models.entries': { a: 'b' },
    'conversations.keep': true,
    'conversations.maxCount': 1,
    'conversations.maxBytes': '1GiB',
    'conversations.maxAge': '1d',
    'conversations.exceptKeys': ['0'.repeat(64)],
    'kvcache.enabled': true,
    'kvcache.maxBytes': '1GiB',
    'kvcache.maxEntries': 1,
    'kvcache.writeBudgetBytesPerHour': 0,
    'kvcache.minTokens': 1,
    'kvcache.ttl': '1d',
    'kvcache.encrypt': true,
    'kvcache.compression': 'off',
    'journal.maxRows': 1,
    'journal.maxAge': '1d',
  }

  test('has the live options, all of them and no others', () => {
    const live = OPTIONS.filter(({ scope }) => scope === 'live').map(({ key }) => key)
    expect(Object.keys(SAMPLES).sort()).toEqual(live.sort())
  })

  test.each(Object.entries(SAMPLES))('%s is taken', (key, sample) => {
    const change = key.split('.').reduceRight<unknown>((inner, part) => ({ [part]: inner }), sample)
    expect(applyChange(BASE, change).origins[key]).toBe('configure')
  })

  test('has every part of an entry; that it has no more, the schema’s own type says', () => {
    const sampling: Required<NonNullable<ModelEntryConfig['sampling']>> = {
      temperature: 0.5,
      topP: 0.9,
      topK: 40,
      minP: 0.05,
      seed: 1,
      repeatPenalty: 1.1,
      frequencyPenalty: 0,
      presencePenalty: 0,
      maxTokens: 100,
      stop: ['x'],
    }
    const entry: Required<ModelEntryConfig> = {
      source: 'b',
      engine: 'llama-server',
      aliases: 'c',
      context: 512,
      system: 'Be brief.',
      sampling,
      template: 'file:/t.jinja',
      parallel: 2,
      kvType: 'q4_0',
      batchTokens: 64,
      gpuLayers: 20,
      pin: true,
      priority: -10,
      keepAlive: -1,
      lora: [{ path: '/l', scale: 0.5 }],
    }
    const { maxTokens, stop, ...options } = sampling
    expect(applyChange(BASE, { models: { entries: { a: entry } } }).entries['a']).toEqual({
      source: { kind: 'model', name: 'b' },
      aliases: ['c'],
      settings: {
        engine: 'llama-server',
        contextTokens: 512,
        system: 'Be brief.',
        sampling: options,
        maxTokens,
        stop,
        template: { kind: 'file', path: '/t.jinja' },
        parallel: 2,
        kvType: 'q4_0',
        batchTokens: 64,
        mostGpuLayers: 20,
        pinned: true,
        priority: -10,
        idleTimeoutMs: null,
        loras: [{ path: '/l', scale: 0.5 }],
      },
    })
  })
})
