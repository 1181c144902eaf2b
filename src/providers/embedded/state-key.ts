import type { WeightsFile } from '../../spec/catalog.ts'
import type { ModelDefinition } from '../../spec/model.ts'
import type { StateKey } from '../../spec/state-cache.ts'
import type { StateFacts } from './worker/state-messages.ts'

/**
 * What the states of a loaded model hang on. Two ids on the same weights with the same options share them; windows are not a
 * part (measured: states move between windows of 512 to 2,048).
 *
 * @param digestOf SHA-256 of a file's content. Rejects where it cannot be read.
 */
export async function stateKeyOf(
  { engine, weights }: Pick<ModelDefinition, 'engine' | 'weights'>,
  { path }: Pick<WeightsFile, 'path'>,
  facts: StateFacts,
  digestOf: (path: string) => Promise<string>,
): Promise<StateKey> {
  const adapters: string[] = []
  for (const lora of engine.loras) adapters.push(`${await digestOf(lora.path)}*${lora.scale}`)
  return {
    weights: weights?.sha256 ?? (await digestOf(path)),
    adapters: adapters.join('+'),
    // One slot is one context of one sequence, and a state restores only into a context with as many.
    sequences: 1,
    kvType: engine.kvType,
    ...facts,
  }
}
