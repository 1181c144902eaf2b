import { arrows } from './arrows.ts'
import { cycles } from './cycles.ts'
import { environmentReads } from './environment-reads.ts'
import { fileShape } from './file-shape.ts'
import { lockFile } from './lock-file.ts'
import { looseEnds } from './loose-ends.ts'
import { machineTraces } from './machine-traces.ts'
import { oldestNode } from './oldest-node.ts'
import { purity } from './purity.ts'
import type { HouseRule } from './source-file.ts'
import { unitSuffixes } from './unit-suffixes.ts'

/** Every executed rule of the house (CONTRIBUTING.md, "The rules"). */
export const RULES: readonly HouseRule[] = [
  arrows,
  cycles,
  purity,
  environmentReads,
  unitSuffixes,
  fileShape,
  looseEnds,
  lockFile,
  machineTraces,
  oldestNode,
]
