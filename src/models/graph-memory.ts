import type { GgufMetadata } from './gguf-metadata.ts'

/** Architectures whose graphs are cut into many small pieces along a batch (llama.cpp v0.4.0, `llama_context::graph_max_nodes`). */
const MANY_NODES: ReadonlySet<string> = new Set(['kimi-linear', 'qwen35', 'qwen35moe', 'qwen3next'])
const LEAST_NODES = 1_024
/**
 * What a context keeps for each node that its graph may have: two graphs, their tensors, and what the scheduler notes of
 * each. Measured: 1.7 to 2.0 kB (1,024 nodes of a llama, 3,488 and 5,120 of a qwen35).
 */
const NODE_BYTES = 1_700

/** Bytes of one context that hang on the graph's size alone: llama.cpp reserves room for the most nodes that it may have. */
export function graphBytes(
  { architecture, tensorCount }: Pick<GgufMetadata, 'architecture' | 'tensorCount'>,
  batchTokens: number,
): number {
  const nodes = MANY_NODES.has(architecture)
    ? Math.max(40 * batchTokens, 32 * tensorCount)
    : Math.max(LEAST_NODES, 8 * tensorCount)
  return nodes * NODE_BYTES
}
