import { createHash } from 'node:crypto'
import type { ManagerService } from '../../spec/admin.ts'
import { ResourceError } from '../../spec/errors.ts'
import type { ModelDescription, ModelListing } from '../../spec/status.ts'
import { encodeDetails } from './model-details.ts'

/** What the entries of `/api/tags` and `/api/ps` have in common. */
export function encodeListed(listing: ModelListing, about: ModelDescription | undefined): object {
  return {
    name: listing.id,
    model: listing.id,
    size: listing.sizeBytes ?? 0,
    digest: digestOf(listing),
    details: encodeDetails(about),
  }
}

/** What a model's file says of it; `undefined` where it cannot be read or is gone since it was listed. */
export async function descriptionOf(manager: ManagerService, id: string): Promise<ModelDescription | undefined> {
  try {
    return await manager.about(id)
  } catch (error) {
    // A list is of use without it, and whoever asks for this very model is told.
    if (error instanceof ResourceError) return undefined
    throw error
  }
}

/**
 * Ollama's is the SHA-256 of a model's manifest: it says which state of the model a name stands for. Here the SHA-256 of
 * what is listed of it does; it is no digest of the weights. Clients take twelve digits of it for granted.
 */
function digestOf({ id, sizeBytes, createdAtMs }: ModelListing): string {
  return createHash('sha256')
    .update(JSON.stringify([id, sizeBytes, createdAtMs]))
    .digest('hex')
}
