import { resourceError } from '../../src/spec/errors.ts'
import type { ModelDescription } from '../../src/spec/status.ts'

/** For catalogs of models that have no file. */
export async function noDescription(): Promise<ModelDescription> {
  throw resourceError('model-not-found', 'This model has no file.')
}
