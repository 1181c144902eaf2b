import { ResourceError, toErrorData } from '../spec/errors.ts'
import { ollamaWayOut } from '../spec/ollama-way-out.ts'
import type { MetadataCache } from './metadata-cache.ts'
import { asOllamaFault } from './ollama-errors.ts'
import type { OllamaModel, OllamaScan, UnusableOllamaModel } from './ollama-store.ts'

/** A look at the store in which models whose headers cannot be read count as unusable, with what their headers say. */
export async function withReadableHeaders(scan: OllamaScan, metadata: MetadataCache): Promise<OllamaScan> {
  const models: OllamaModel[] = []
  const unusable = [...scan.unusable]
  for (const model of scan.models) {
    try {
      await metadata.read(model.path)
      models.push(model)
    } catch (error) {
      unusable.push(unusableBy(asOllamaFault(error, model.name), model.name))
    }
  }
  return { ...scan, models, unusable }
}

function unusableBy(error: unknown, name: string): UnusableOllamaModel {
  const { why, wayOut } = (error instanceof ResourceError ? error.details : undefined) ?? {}
  if (typeof why === 'string' && typeof wayOut === 'string') return { name, why, wayOut }
  return { name, why: toErrorData(error).message.replace(/\.$/, ''), wayOut: ollamaWayOut(name) }
}
