import { z } from 'zod'

/** How a body names its model: `name` is what older clients of Ollama call `model`. */
export interface NamedModel {
  readonly model?: string | null | undefined
  readonly name?: string | null | undefined
}

const name: z.ZodType<string | null | undefined> = z.string({ error: 'must be the name of a model' }).nullish()

/** {@link NamedModel} to be checked. */
export const nameFields: { readonly [Name in keyof NamedModel]-?: z.ZodType<NamedModel[Name]> } = { model: name, name }

/** The name as it was written; `undefined` = none, which means the default model. */
export function askedName({ model, name: legacy }: NamedModel): string | undefined {
  return model || legacy || undefined
}
