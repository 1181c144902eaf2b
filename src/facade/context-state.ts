import type { ContextMessage, ModelContext } from '../spec/contexts.ts'

/** A context as the library shows it. */
export interface ContextState extends Omit<ModelContext, 'createdAtMs' | 'lastAccessedAtMs'> {
  readonly messages: readonly ContextMessage[]
  readonly createdAt: Date
  readonly lastAccessed: Date
}

export function contextState({ createdAtMs, lastAccessedAtMs, ...context }: ModelContext): ContextState {
  return { ...context, createdAt: new Date(createdAtMs), lastAccessed: new Date(lastAccessedAtMs) }
}
