/*
 * The library: the guide's API (docs/library.md). Importing it reads, opens and starts nothing.
 */
import { ResourceManager, type ResourceManagerOptions } from './facade/resource-manager.ts'

export { ResourceManager, type ResourceManagerOptions }
export type { CacheOptions } from './facade/cache-options.ts'
export type {
  ChatChunk,
  ChatRequest,
  CountRequest,
  EmbedRequest,
  EmbedResult,
  MemoryRequest,
} from './facade/chat-types.ts'
export type { ContextState } from './facade/context-state.ts'
export type {
  CacheResult,
  ResourceManagerEvent,
  ResourceManagerEvents,
  ResourceManagerEventType,
  ResourceManagerListener,
  ResourceManagerNameListener,
} from './facade/guide-events.ts'
export type {
  GpuResources,
  MemoryBuffers,
  ModelResourceMetrics,
  ResourceMetrics,
  SystemResources,
} from './facade/guide-metrics.ts'
export type { ChatMessage, FinishReason, TokenUsage, ToolCall } from './spec/chat.ts'
export type { ErrorCode, ErrorReason } from './spec/error-reason.ts'
export { ResourceError, type ResourceErrorOptions } from './spec/errors.ts'
export type { ModelEntryConfig, ResourceManagerConfig } from './spec/guide-config.ts'
export type { Platform, UnloadReason } from './spec/model.ts'
export type { TokenCount } from './spec/token-count.ts'

/** A resource manager of its own. Throws `config-invalid` that names every wrong key. */
export function createResourceManager(options: ResourceManagerOptions = {}): ResourceManager {
  return new ResourceManager(options)
}

/** The one most programs need, configured by the environment and `grym.yaml`. */
export const resourceManager: ResourceManager = new ResourceManager()
