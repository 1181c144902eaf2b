import type { DuplicateWeights } from '../spec/status.ts'
import { isInMemory, type ModelRecord, type World } from './world.ts'

/** Weights that several engines hold, as far as they tell what they hold. */
export function duplicateWeights(world: World): DuplicateWeights[] {
  const groups: ModelRecord[][] = []
  for (const model of world.models.values()) {
    if (!isInMemory(model)) continue
    const group = groups.find((others) => others.some((other) => isSame(other, model)))
    if (group) group.push(model)
    else groups.push([model])
  }
  return groups.flatMap((group) => {
    const engineCount = new Set(group.map(({ definition }) => definition.engineKey)).size
    if (engineCount < 2) return []
    const weightsBytes = Math.max(...group.map(({ definition }) => definition.estimate.weightsBytes))
    const models = group.map(({ definition }) => definition.id)
    return [{ models, wastedBytes: (engineCount - 1) * weightsBytes - sharedBytes(group, weightsBytes) }]
  })
}

/** Pages of a file are in memory once, however many processes map it: what all but the one that maps most need not have. */
function sharedBytes(group: readonly ModelRecord[], weightsBytes: number): number {
  let sumBytes = 0
  for (const path of new Set(group.map(({ definition }) => definition.weights?.path))) {
    if (path === undefined) continue
    const mapped = group
      .filter(({ definition }) => definition.weights?.path === path)
      // The file is a little more than the weights in it.
      .map(({ heldFileBytes }) => Math.min(heldFileBytes, weightsBytes))
    sumBytes += mapped.reduce((sum, bytes) => sum + bytes, 0) - Math.max(...mapped)
  }
  return sumBytes
}

/** By digest where both are known by one, else by the place of the file. */
function isSame({ definition: a }: ModelRecord, { definition: b }: ModelRecord): boolean {
  if (a.engineKey === b.engineKey) return true
  const [one, other] = [a.weights, b.weights]
  if (one?.sha256 !== undefined && other?.sha256 !== undefined) return one.sha256 === other.sha256
  return one?.path !== undefined && one.path === other?.path
}
