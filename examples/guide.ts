/*
 * Every call of the resource manager's guide, with its options, and what it gives. Run it with the path of a state
 * folder: `node examples/guide.ts ./grym-home` (the first run downloads a small model, 98 MB).
 *
 * The guide speaks of models that not everybody has; here each of its names is an entry of the configuration that
 * leads to grym's own small one.
 */
import assert from 'node:assert/strict'
import { createResourceManager, ResourceError, type ResourceManagerEvents } from '../src/index.ts'

const MODEL = 'deepseek-r1:14b'
const home = process.argv[2]
const resourceManager = createResourceManager({
  ...(home !== undefined && { home }),
  models: { entries: { [MODEL]: 'smollm2', 'qwen2.5-coder': 'smollm2' } },
})

/** Everything listeners were told, by event. */
const heard = new Map<string, object[]>()
function newest<Type extends keyof ResourceManagerEvents>(type: Type): ResourceManagerEvents[Type] {
  const data = heard.get(type)?.at(-1)
  assert.ok(data, `no ${type} was heard`)
  return data as ResourceManagerEvents[Type]
}

// Configuration: all of it at once, and parts of it later.
resourceManager.configure({
  limits: {
    maxModelsLoaded: 3,
    memoryThreshold: 0.8,
    inactivityTimeout: 300_000,
  },
  modelSizes: {
    [MODEL]: 1_400,
    'qwen2.5-coder': 700,
  },
  buffers: {
    context: { initial: 2_000, max: 4_000, compressionThreshold: 0.8 },
    working: { initial: 1_000, max: 2_000, optimizationThreshold: 0.9 },
  },
  memoryPressure: { warning: 0.7, critical: 0.9, action: 'compress' },
  debug: false,
})
resourceManager.configure({
  limits: { memoryThreshold: 0.8 },
  buffers: { context: { compressionThreshold: 0.8 } },
  memoryPressure: { warning: 0.7, critical: 0.9 },
})
assert.throws(
  () => resourceManager.configure({ limits: { memoryThreshold: 8 } }),
  (error) => error instanceof ResourceError && /limits\.memoryThreshold/.test(error.message) && /8/.test(error.message),
)

// Events: two arguments, and the first one says what the second one is.
resourceManager.addEventListener((type, data) => {
  heard.set(type, [...(heard.get(type) ?? []), data])
  switch (type) {
    case 'modelLoaded':
      console.log(`Model ${data.modelId} loaded`)
      break
    case 'modelUnloaded':
      console.log(`Model ${data.modelId} unloaded`)
      break
    case 'modelCached':
      console.log(`Model ${data.modelId} moved to ${data.cachePath}`)
      break
    case 'resourcesFreed':
      console.log('Resources freed:', data.unloadedModels)
      break
    case 'metricsUpdated':
      assert.ok(data.system.totalMemory > 0)
      break
    case 'error':
      console.log('Error:', data.error.message)
      break
    default:
      break
  }
})

// A model is loaded when it is asked for.
assert.equal(await resourceManager.loadModel(MODEL), true)
const loaded = newest('modelLoaded')
assert.equal(loaded.modelId, MODEL)
assert.equal(loaded.fromCache, false)
assert.equal(loaded.metrics.status, 'ready')

// What it takes, and what the machine has: megabytes.
const metrics = await resourceManager.getResourceMetrics()
console.log('System resources:', metrics.system)
console.log('Active models:', metrics.models)
const model = metrics.models.get(MODEL)
assert.ok(model)
assert.equal(model.status, 'ready')
assert.ok(model.memoryUsage > 100 && model.memoryUsage < 1_400, 'measured, not what was configured')
assert.ok(model.loadTime > 0)
assert.ok(model.lastUsed instanceof Date)
assert.equal(model.activeRequests, 0)
assert.equal(model.platform, 'local')
assert.equal(model.contextState.modelId, MODEL)
const { context, model: weights, working } = model.buffers
assert.ok(Math.abs(context + weights + working - model.memoryUsage) < 0.001)
const { system } = metrics
assert.ok(system.allocatedMemory > 0 && system.availableMemory < system.totalMemory)
assert.ok(system.peakMemory >= system.allocatedMemory)
assert.ok(system.availableCores >= 1)
assert.ok(system.memoryPressure >= 0 && system.memoryPressure <= 1)
assert.equal(newest('metricsUpdated').system.totalMemory, system.totalMemory)

// It answers, and how much of its window that took is known afterwards.
let answer = ''
const messages = [
  { role: 'system' as const, content: 'You are a helpful assistant.' },
  { role: 'user' as const, content: 'What is the capital of France?' },
]
for await (const chunk of resourceManager.chat({ model: MODEL, messages, temperature: 0, maxTokens: 30 })) {
  if (chunk.type === 'text') answer += chunk.text
  if (chunk.type !== 'end') continue
  assert.equal(chunk.finishReason, 'stop')
  const counted = await resourceManager.countTokens({ model: MODEL, messages })
  assert.deepEqual(counted, { tokens: chunk.usage.promptTokens, source: 'exact' })
}
console.log(answer)
assert.match(answer, /Paris/)
assert.ok(((await resourceManager.getResourceMetrics()).models.get(MODEL)?.contextSize ?? 0) > 20)

const { embeddings } = await resourceManager.embed({ model: MODEL, input: ['one', 'two'] })
assert.equal(embeddings.length, 2)

// Contexts that a program keeps by hand.
await resourceManager.initializeContext(MODEL, { maxTokens: 1_000, contextWindow: 2_000 })
await resourceManager.addMessage(MODEL, { role: 'user', content: 'Remember the number 7.' })
assert.equal((await resourceManager.getContext(MODEL))?.messages.length, 1)
await resourceManager.removeContext(MODEL)
assert.equal(await resourceManager.getContext(MODEL), undefined)

// Memory can be promised to a model before it is loaded, and is refused when the machine has not so much.
assert.equal(await resourceManager.allocateMemory({ modelId: MODEL, required: 500, preferred: 600 }), true)
assert.equal(await resourceManager.allocateMemory({ modelId: MODEL, required: 1e9, preferred: 1e9 }), false)

// Errors have one of six codes.
try {
  await resourceManager.loadModel('invalid-model')
  assert.fail('an unknown model was loaded')
} catch (error) {
  if (!(error instanceof ResourceError)) throw error
  switch (error.code) {
    case 'INVALID_MODEL_ID':
      console.log('Invalid model ID')
      break
    default:
      throw error
  }
  assert.match(error.message, /Unknown model/)
}

// Moved to the cache on disk: its memory is free, and it comes back from there.
const cached = await resourceManager.moveToCache(MODEL, { ttl: 3_600_000, priority: 'high' })
assert.equal(cached.modelId, MODEL)
assert.match(cached.cachePath, /\.cache\/models\/smollm2-\d+\.cache$/, 'named after the model that the entry leads to')
const { beforeSize, afterSize, savedMemory } = cached.metrics
assert.ok(beforeSize > 100 && Math.abs(savedMemory - (beforeSize - afterSize)) < 0.001, 'megabytes, measured')
assert.deepEqual(newest('modelCached').metrics, cached.metrics)
assert.equal(newest('modelCached').cachePath, cached.cachePath)
assert.equal(await resourceManager.loadModel(MODEL), true)
assert.equal(newest('modelLoaded').fromCache, true)

// Given back one by one, or all at once.
assert.equal(await resourceManager.unloadModel(MODEL), true)
assert.deepEqual([newest('modelUnloaded').modelId, newest('modelUnloaded').reason], [MODEL, 'requested'])
await resourceManager.loadModel('qwen2.5-coder')
await resourceManager.freeResources()
assert.deepEqual(newest('resourcesFreed').unloadedModels, ['qwen2.5-coder'])
assert.equal((await resourceManager.getResourceMetrics()).models.size, 0)
resourceManager.destroy()
console.log('every call of the guide did what it says')
