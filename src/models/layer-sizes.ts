/** The tensors of a model by where llama.cpp puts them together. */
export interface LayerSizes {
  /** Of each block, from the first. */
  readonly blockBytes: readonly number[]
  /** Of the output layer; where it {@link isOutputCopied}, of the copy of the input's table that it is. */
  readonly outputBytes: number
  /** The model has no output matrix of its own: the table of the input serves, and a GPU gets a copy of it. */
  readonly isOutputCopied: boolean
}

/**
 * By the names of tensors (llama.cpp `llama-arch.cpp`: `blk.N.` is a repeating layer, `output` and `output_norm` are the
 * output layer, all else belongs to the input, which always stays in RAM).
 */
export function layerSizes(
  tensors: readonly { readonly name: string; readonly bytes: number }[],
  blockCount: number,
): LayerSizes {
  const blockBytes = Array.from({ length: blockCount }, () => 0)
  let outputBytes = 0
  let inputTableBytes = 0
  let hasOutput = false
  for (const { name, bytes } of tensors) {
    const block = /^blk\.(\d+)\./.exec(name)?.[1]
    if (block !== undefined) blockBytes[Number(block)] = (blockBytes[Number(block)] ?? 0) + bytes
    else if (name.startsWith('output')) outputBytes += bytes
    else if (name === 'token_embd.weight') inputTableBytes = bytes
    if (name === 'output.weight') hasOutput = true
  }
  return {
    blockBytes: blockBytes.slice(0, blockCount),
    outputBytes: hasOutput ? outputBytes : outputBytes + inputTableBytes,
    isOutputCopied: !hasOutput,
  }
}
