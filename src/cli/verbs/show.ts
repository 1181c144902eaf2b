import type { OpenModels } from '../../app/open-models.ts'
import type { ModelDefinition } from '../../spec/model.ts'
import type { ModelDescription } from '../../spec/status.ts'
import { formatBytes } from '../../spec/units.ts'
import type { Context } from '../context.ts'
import { engineName as engineNameOf } from '../engine-name.ts'

/** What a line of it says, by its head. */
type Lines = readonly (readonly [head: string, text: string])[]

export async function showVerb({ config, terminal }: Context, model: string): Promise<void> {
  const { withModels } = await import('../../app/open-models.ts')
  await withModels(config, (models) => show(models, model, terminal))
}

async function show({ catalog, files }: OpenModels, model: string, terminal: Context['terminal']): Promise<void> {
  const definition = await catalog.resolve(model)
  const { weightsBytes, contextBytes, processBytes, source } = definition.estimate
  const totalBytes = weightsBytes + contextBytes + processBytes
  const about = await catalog.about(model)
  const file = definition.platform === 'local' ? await aboutFile(files, definition) : { lines: [], json: {} }
  const { architecture, parameterCount, quantization, trainContextTokens, capabilities } = about
  const cannot = capabilities.includes('vision') ? [] : [['cannot', 'vision: it reads text only'] as const]
  const lines: Lines = [
    ['name', definition.id],
    ['engine', engineWords(definition)],
    ...file.lines,
    [
      'architecture',
      known([architecture, parameterCount && `${formatCount(parameterCount)} parameters`, quantization]),
    ],
    [
      'context',
      `${definition.contextTokens} tokens${trainContextTokens === null ? '' : ` (trained for ${trainContextTokens})`}`,
    ],
    [
      'memory',
      `${formatBytes(totalBytes)} (${source}): weights ${formatBytes(weightsBytes)}, context ${formatBytes(contextBytes)}, engine ${formatBytes(processBytes)}`,
    ],
    ['template', templateWords(definition, about)],
    ['can', capabilities.join(', ')],
    ...cannot,
  ]
  const words = lines.map(([head, text]) => head.padEnd(14) + text).join('\n')
  terminal.result({ ...definition, totalBytes, about, ...file.json }, words)
}

/** Where a file lies, and what only its header tells. */
async function aboutFile(files: OpenModels['files'], { id }: ModelDefinition): Promise<{ lines: Lines; json: object }> {
  const { path, metadata, ollama } = await files.describe(id)
  const { chatTemplate, ...rest } = metadata
  return {
    lines: [
      ['file', path],
      ...(ollama ? [['from', `Ollama, as ${[ollama.name, ...ollama.notes].join('; ')}`] as const] : []),
    ],
    json: {
      path,
      ...(ollama && { ollama: { name: ollama.name, notes: ollama.notes } }),
      metadata: rest,
      hasChatTemplate: chatTemplate !== null,
    },
  }
}

function engineWords({ platform, engineName, id }: ModelDefinition): string {
  const name = engineNameOf(platform)
  return engineName === undefined || engineName === id ? name : `${name}, as ${engineName}`
}

function templateWords({ platform }: ModelDefinition, { chatTemplate }: ModelDescription): string {
  if (platform !== 'local') return "its engine's own"
  return chatTemplate === null ? 'none in the file: ChatML is used' : 'its own'
}

function known(parts: readonly (string | number | null | undefined)[]): string {
  return (
    parts.filter((part) => part !== null && part !== undefined && part !== 0).join(', ') || 'not told by its engine'
  )
}

function formatCount(count: number): string {
  return count >= 1e9 ? `${(count / 1e9).toFixed(1)} B` : `${Math.round(count / 1e6)} M`
}
