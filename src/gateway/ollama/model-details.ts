import type { ModelDescription } from '../../spec/status.ts'

type Described = Pick<ModelDescription, 'architecture' | 'parameterCount' | 'quantization'>

/** `details` of a model; what is not known is empty. */
export function encodeDetails(about: Described | undefined): object {
  const architecture = about?.architecture ?? null
  const parameterCount = about?.parameterCount ?? null
  return {
    parent_model: '',
    format: 'gguf',
    family: architecture ?? '',
    families: architecture === null ? [] : [architecture],
    parameter_size: parameterCount === null ? '' : parameterSize(parameterCount),
    quantization_level: about?.quantization ?? '',
  }
}

/** `134.5M`, `8.0B`, as Ollama writes them. */
function parameterSize(count: number): string {
  return count >= 1e9 ? `${(count / 1e9).toFixed(1)}B` : `${(count / 1e6).toFixed(1)}M`
}
