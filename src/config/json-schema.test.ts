import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { parseConfigFile } from './config-file.ts'
import { configJsonSchema } from './json-schema.ts'
import { OPTIONS } from './options.ts'

const SCHEMA = configJsonSchema()
const reader = z.fromJSONSchema(SCHEMA as Parameters<typeof z.fromJSONSchema>[0])

interface Node {
  readonly type?: string
  readonly properties?: Readonly<Record<string, Node>>
  readonly additionalProperties?: unknown
  readonly description?: string
  readonly default?: unknown
}

function at(key: string): Node | undefined {
  return key.split('.').reduce<Node | undefined>((node, part) => node?.properties?.[part], SCHEMA)
}

test.each(OPTIONS.map((option) => [option.key, option] as const))('%s', (key, { scope, help, isSecret }) => {
  if (scope === 'outside') expect(at(key)).toBeUndefined()
  else expect(at(key)?.description).toBe(help)
  if (isSecret && scope !== 'outside') expect(at(key)).not.toHaveProperty('default')
})

test('no group takes a key that is not in the table', () => {
  const visit = (node: Node): void => {
    if (!node.properties) return
    expect(node.additionalProperties).toBe(false)
    Object.values(node.properties).forEach(visit)
  }
  visit(SCHEMA)
})

describe('an editor and grym agree', () => {
  test.each<[unknown, boolean]>([
    [{}, true],
    [{ limits: { maxModelsLoaded: 3, inactivityTimeout: '5m' } }, true],
    [{ limits: { inactivityTimeout: -1 } }, true],
    [{ modelSizes: { a: 14_000 } }, true],
    [{ models: { folders: ['a'], entries: { a: 'b', 'c-*': { source: 'a', sampling: { topK: 1 } } } } }, true],
    [{ models: { folders: 'a' } }, true],
    [{ limits: { maxModelsLoaded: 0 } }, false],
    [{ limits: { maxModelsLoaded: '3' } }, false],
    [{ limit: {} }, false],
    [{ home: '/x' }, false],
    [{ modelSizes: { a: 0 } }, false],
    [{ memoryPressure: { action: 'panic' } }, false],
    [{ models: { entries: { a: { sampling: { temprature: 1 } } } } }, false],
  ])('%j: %s', (written, isAllowed) => {
    expect(reader.safeParse(written).success).toBe(isAllowed)
    const file = parseConfigFile({ path: '/grym.yaml', text: JSON.stringify(written), userHome: '/' })
    expect(file.problems.length === 0).toBe(isAllowed)
  })
})
