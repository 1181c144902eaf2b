import { open } from 'node:fs/promises'

/** `ggsq`, and a version behind it, which the engine compares (llama.cpp, `llama_state_seq_save_file`). Little endian. */
const MAGIC = 0x67_67_73_71
const HEADER_BYTES = 12
const TOKEN_BYTES = 4

/**
 * The tokens that a state file of the engine says it holds, read before the engine sees it. Rejects with a reason for a person
 * where it is no such file, or one that ends within them.
 *
 * @param mostTokens more are not read: they do not fit into the context.
 */
export async function tokensOfStateFile(path: string, mostTokens: number): Promise<Uint32Array> {
  const file = await open(path)
  try {
    const header = Buffer.alloc(HEADER_BYTES)
    const { bytesRead } = await file.read(header, 0, HEADER_BYTES, 0)
    if (bytesRead < HEADER_BYTES || header.readUInt32LE(0) !== MAGIC)
      throw new Error('it is not a state of this engine')
    const tokens = header.readUInt32LE(8)
    if (tokens > mostTokens) throw new Error(`it holds ${tokens} tokens, and the window has room for ${mostTokens}`)
    const content = Buffer.alloc(tokens * TOKEN_BYTES)
    const read = await file.read(content, 0, content.length, HEADER_BYTES)
    if (read.bytesRead < content.length) throw new Error('it ends within its tokens')
    return Uint32Array.from({ length: tokens }, (_, index) => content.readUInt32LE(index * TOKEN_BYTES))
  } finally {
    await file.close()
  }
}
