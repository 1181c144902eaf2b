import type { OwnerId } from '../spec/owner-id.ts'
import type { NewResponse, ResponseArchive, StoredResponse } from '../spec/stored-responses.ts'

/** Keeps responses in memory, for as long as nobody says that it is full. */
export class ScriptedResponses implements ResponseArchive {
  readonly kept: Map<string, NewResponse> = new Map<string, NewResponse>()
  /** Thrown by the next `keep`. */
  fault: Error | undefined

  keep(response: NewResponse): boolean {
    if (this.fault) throw this.fault
    this.kept.set(response.id, response)
    return true
  }

  find(owner: OwnerId, id: string): StoredResponse | undefined {
    const found = this.kept.get(id)
    return found?.owner === owner ? found : undefined
  }

  chain(owner: OwnerId, id: string): readonly StoredResponse[] {
    const found = this.find(owner, id)
    if (!found) return []
    return [...(found.previousId === null ? [] : this.chain(owner, found.previousId)), found]
  }

  delete(owner: OwnerId, id: string): boolean {
    return this.find(owner, id) !== undefined && this.kept.delete(id)
  }
}
