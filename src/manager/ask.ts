import type { Arrival } from './wished-models.ts'
import type { ServingOptions } from './serving.ts'

/** A request as the core and a {@link Serving} need it. */
export interface Ask extends Pick<ServingOptions, 'isStreamed' | 'work' | 'conversationId' | 'onAnswered'> {
  readonly arrival: Arrival
  readonly requestHash: string
  /** Of an answer in a model's window: how many tokens its prompt was. */
  readonly onUsage?: (promptTokens: number) => void
}
