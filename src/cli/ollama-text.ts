/** What was found of Ollama's models, as far as it is told to a person. */
export interface OllamaFound {
  readonly folder?: string
  readonly fault?: string
  readonly models: readonly { readonly name: string }[]
  readonly unusable: readonly { readonly name: string; readonly why: string; readonly wayOut: string }[]
}

/** Models that are told one by one. */
const MOST_TOLD = 5

/** A line of `grym doctor`: how many of Ollama's models are served, and which are not and why. */
export function ollamaText({ folder, fault, models, unusable }: OllamaFound): { isWhole: boolean; note: string } {
  if (folder === undefined) return { isWhole: true, note: 'no models of Ollama’s here' }
  const told = unusable.slice(0, MOST_TOLD).map(({ name, why, wayOut }) => `${name} is not served: ${why}. ${wayOut}`)
  const untold = unusable.length - told.length
  const parts = [
    `${models.length} of ${models.length + unusable.length} models in ${folder} can be used`,
    ...(fault === undefined ? [] : [`${fault}. Let this user read it, or leave it out with models.ollama: false`]),
    ...told,
    ...(untold > 0 ? [`and ${untold} more`] : []),
  ]
  return { isWhole: fault === undefined, note: parts.join('; ') }
}
