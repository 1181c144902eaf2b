import { createHash } from 'node:crypto'
import { getModuleVersion, type Llama, type LlamaContextSequence } from 'node-llama-cpp'
import type { ChatTemplate } from './chat-template.ts'
import type { StateFacts } from './state-messages.ts'

/** What the worker knows of what its states hang on. */
export async function stateFacts(
  llama: Llama,
  { context, needsCheckpoints }: LlamaContextSequence,
  template: ChatTemplate,
): Promise<StateFacts> {
  const { repo, release } = llama.llamaCppRelease
  return {
    engine: await engineVersion(),
    build: `${repo} ${release} ${llama.buildType}`,
    machine: `${process.platform}-${process.arch}`,
    gpu: llama.gpu === false ? 'none' : llama.gpu,
    // `auto` is decided by build, GPU and weights, which stand beside it.
    flashAttention: String(context.flashAttention),
    template: createHash('sha256').update(template.source).digest('hex'),
    canBeCut: !needsCheckpoints,
  }
}

export async function engineVersion(): Promise<string> {
  return `node-llama-cpp ${await getModuleVersion()}`
}
