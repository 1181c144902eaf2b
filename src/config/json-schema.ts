import { z } from 'zod'
import type { Option } from './option.ts'
import { OPTIONS } from './options.ts'

interface SchemaGroup {
  readonly type: 'object'
  readonly additionalProperties: false
  readonly properties: Record<string, object>
}

/** The JSON Schema of `grym.yaml`, for editors; made from the table of options. */
export function configJsonSchema(): object {
  const root = emptyGroup()
  for (const option of OPTIONS) {
    if (option.scope === 'outside') continue
    const parts = option.key.split('.')
    let group = root
    for (const part of parts.slice(0, -1)) {
      group.properties[part] ??= emptyGroup()
      group = group.properties[part] as SchemaGroup
    }
    group.properties[parts.at(-1) ?? ''] = optionSchema(option)
  }
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'grym.yaml',
    description: 'The configuration of grym.',
    ...root,
  }
}

function emptyGroup(): SchemaGroup {
  return { type: 'object', additionalProperties: false, properties: {} }
}

/** Of the value as it is written, not as it is used: `5m`, not 300000. */
function optionSchema({ schema, help, defaultValue, isSecret }: Option): object {
  const { $schema: _, ...made } = z.toJSONSchema(schema, { io: 'input', target: 'draft-2020-12' })
  const isShown = defaultValue !== undefined && isSecret !== true
  return { description: help, ...(isShown && { default: defaultValue }), ...made }
}
