import type { DuplicateWeights } from '../spec/status.ts'
import { isInMemory, type ModelRecord, type World } from './world.ts'

/** Weights that are in memory more than once, as far as engines tell what they hold. */
export function duplicateWeights(world: World): DuplicateWeights[] {
  const groups: ModelRecord[][] = []
  for (const model of world.models.values()) {
    if (!isInMemory(model)) continue
    const group = groups.find((others) => others.some((other) => isSame(other, model)))
    if (group) group.push(model)
    else groups.push([model])
  }
  return groups.flatMap((group) => {
    const engines = new Set(group.map(({ definition }) => definition.engineKey))
    if (engines.size < 2) return []
    const weightsBytes = Math.max(...group.map(({ definition }) => definition.estimate.weightsBytes))
    const models = group.map(({ definition }) => definition.id)
    return [{ models, wastedBytes: (engines.size - 1) * weightsBytes }]
  })
}

/** By digest where both are known by one, else by the place of the file. */
function isSame({ definition: a }: ModelRecord, { definition: b }: ModelRecord): boolean {
  if (a.engineKey === b.engineKey) return true
  const [one, other] = [a.weights, b.weights]
  if (one?.sha256 !== undefined && other?.sha256 !== undefined) return one.sha256 === other.sha256
  return one?.path !== undefined && one.path === other?.path
}
