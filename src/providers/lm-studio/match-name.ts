/**
 * The model that a person means by a name. LM Studio's keys are `publisher/model` or `model`, compared without case; the
 * first of these ways that finds any decides:
 *
 * 1. the whole key: `google/gemma-3-4b`
 * 2. its last part: `gemma-3-4b`
 * 3. its last part without how it is quantised and packed: `mistral-7b` for `mistral-7b-q4_k_m`
 *
 * @returns `undefined` also when that way finds several: a guess would answer with another model than was meant.
 */
export function matchName<Model extends { readonly key: string }>(
  models: readonly Model[],
  name: string,
): Model | undefined {
  const wanted = name.toLowerCase()
  for (const nameOf of [wholeKey, lastPart, plainPart]) {
    const found = models.filter(({ key }) => nameOf(key.toLowerCase()) === wanted)
    if (found.length > 0) return found.length === 1 ? found[0] : undefined
  }
  return undefined
}

function wholeKey(key: string): string {
  return key
}

function lastPart(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1)
}

function plainPart(key: string): string {
  return lastPart(key).replace(/(?:[@._-](?:i?q\d\w*|b?f16|fp16|f32|mxfp4|\d+bit|gguf|mlx))+$/, '')
}
