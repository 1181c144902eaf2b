import type { GenerateEnd, GenerateRequest } from '../../spec/chat.ts'
import type { Clock } from '../../spec/clock.ts'
import type { ModelId } from '../../spec/model.ts'
import { orGivenUp } from '../giving-up.ts'
import type { SlotPlace, SlotStates } from './slot-states.ts'

/** How long an answer waits until it is known what tells the states of its server from others, ms. */
const MOST_OPENING_MS = 2_000

export interface AskedInSlot {
  readonly modelId: ModelId
  readonly request: GenerateRequest
  readonly signal: AbortSignal
  readonly clock: Clock
}

/** The answer to a request in the slot that is chosen for it, with what the disk had to do with it in its end. */
export async function* inSlot<Chunk extends { readonly type: string }>(
  opening: Promise<SlotStates | undefined>,
  asked: AskedInSlot,
  answerWith: (fields: SlotPlace['fields'] | undefined) => AsyncIterable<Chunk>,
): AsyncGenerator<Chunk> {
  const { modelId, request, signal } = asked
  const states = await Promise.race([orGivenUp(opening, signal), passes(asked.clock)])
  const placing = states?.place(modelId, request, signal)
  if (!placing) return yield* answerWith(undefined)
  const place = await orGivenUp(placing, signal).catch((error: unknown) => {
    // Nobody waits for its place any more; who failed to find one has left it already.
    void placing.then(
      (late) => late.leave(),
      () => undefined,
    )
    throw error
  })
  try {
    for await (const chunk of answerWith(place.fields)) {
      const restored = isEnd(chunk) ? await place.settle(chunk) : undefined
      yield restored ? { ...chunk, restored } : chunk
    }
  } finally {
    await place.leave()
  }
}

function passes(clock: Clock): Promise<undefined> {
  return new Promise((resolve) => void clock.setTimer(MOST_OPENING_MS, () => resolve(undefined)))
}

function isEnd<Chunk extends { readonly type: string }>(chunk: Chunk): chunk is Chunk & GenerateEnd {
  return chunk.type === 'end'
}
