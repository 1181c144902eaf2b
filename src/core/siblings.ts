import type { ModelId } from '../spec/model.ts'
import type { ModelRecord, World } from './world.ts'

/**
 * A model on the same weights that will be in memory once `leaving` are gone: it is they who hold the weights then.
 * `undefined` = there is none.
 */
export function stayingSibling(
  world: World,
  model: ModelRecord,
  leaving: ReadonlySet<ModelId>,
): ModelRecord | undefined {
  const { engineKey } = model.definition
  for (const other of world.models.values()) {
    if (other === model || other.definition.engineKey !== engineKey) continue
    if (isStaying(other) && !leaving.has(other.definition.id)) return other
  }
  return undefined
}

/** In memory, or on the way there, and nothing says that it will go. */
function isStaying(model: ModelRecord): boolean {
  return model.state === 'loading' || (model.state === 'ready' && model.leaving === undefined)
}
