import { formatBytes } from '../../spec/units.ts'
import type { Context } from '../context.ts'

export async function showVerb({ config, terminal }: Context, model: string): Promise<void> {
  const { foldersOf, openCatalog } = await import('../../app/compose.ts')
  const { catalog } = await openCatalog(config, await foldersOf(config))
  const definition = await catalog.resolve(model)
  const { path, metadata, ollama } = await catalog.describe(definition.id)
  const { weightsBytes, contextBytes, processBytes, source } = definition.estimate
  const totalBytes = weightsBytes + contextBytes + processBytes
  const lines = [
    `name          ${definition.id}`,
    `file          ${path}`,
    ...(ollama ? [`from          Ollama, as ${[ollama.name, ...ollama.notes].join('; ')}`] : []),
    `architecture  ${metadata.architecture}, ${formatCount(metadata.parameterCount)} parameters, ${metadata.quantization}`,
    `context       ${definition.contextTokens} tokens (trained for ${metadata.trainContextTokens})`,
    `memory        ${formatBytes(totalBytes)} (${source}): weights ${formatBytes(weightsBytes)}, context ${formatBytes(contextBytes)}, engine ${formatBytes(processBytes)}`,
    `template      ${metadata.chatTemplate === null ? 'none in the file: ChatML is used' : 'its own'}`,
    `can           ${metadata.capabilities.join(', ')}`,
    'cannot        vision: the embedded engine reads text only',
  ]
  const { chatTemplate, ...rest } = metadata
  terminal.result(
    {
      ...definition,
      path,
      ...(ollama && { ollama: { name: ollama.name, notes: ollama.notes } }),
      totalBytes,
      metadata: rest,
      hasChatTemplate: chatTemplate !== null,
    },
    lines.join('\n'),
  )
}

function formatCount(count: number): string {
  return count >= 1e9 ? `${(count / 1e9).toFixed(1)} B` : `${Math.round(count / 1e6)} M`
}
