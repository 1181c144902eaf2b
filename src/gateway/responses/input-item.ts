import { z } from 'zod'
import { checkBody, invalid } from '../check-body.ts'
import { itemId } from './response-ids.ts'

/** Of a request, those of the responses that it continues included. */
export const MOST_ITEMS = 10_000

/** A piece of what an item says. */
export interface ItemPart {
  readonly type: string
  readonly text?: string | undefined
  readonly refusal?: string | undefined
  readonly image_url?: string | null | undefined
}

/** An item of a conversation as the Responses API has it: sent by a client, or given in an answer and sent back. */
export interface InputItem {
  /** Absent for a message in its short form, and for a reference in its. */
  readonly type?: string | null | undefined
  readonly id?: string | null | undefined
  readonly role?: 'user' | 'assistant' | 'system' | 'developer' | undefined
  readonly content?: string | readonly ItemPart[] | null | undefined
  readonly call_id?: string | null | undefined
  readonly name?: string | null | undefined
  readonly arguments?: string | null | undefined
  readonly output?: string | readonly ItemPart[] | null | undefined
}

const parts = z.array(
  z.looseObject({
    type: z.string(),
    text: z.string().optional(),
    refusal: z.string().optional(),
    image_url: z.string().nullish(),
  }),
)
const textOrParts = z.union([z.string(), parts], { error: 'must be a text or a list of parts, each with its type' })
const inputItem: z.ZodType<InputItem> = z.looseObject({
  type: z.string().nullish(),
  id: z.string().nullish(),
  role: z
    .enum(['user', 'assistant', 'system', 'developer'], { error: 'must be user, assistant, system or developer' })
    .optional(),
  content: textOrParts.nullish(),
  call_id: z.string().nullish(),
  name: z.string().nullish(),
  arguments: z.string().nullish(),
  output: textOrParts.nullish(),
})
const itemList = z.object({ input: z.array(inputItem).max(MOST_ITEMS) })

/** What kinds of items are understood; each is a case of `decode-items.ts`. */
const KINDS: ReadonlySet<string> = new Set([
  'message',
  'function_call',
  'function_call_output',
  'reasoning',
  'item_reference',
])

/** `input` as a list of items, each with its kind said. Throws `invalid-request` naming the item. */
export function readInput(input: unknown): readonly InputItem[] {
  if (input === undefined || input === null) return []
  if (typeof input === 'string') return [{ type: 'message', role: 'user', content: input }]
  if (!Array.isArray(input)) throw invalid('input: must be a text or a list of items.', 'input')
  return readItems(input).map((item, index) => {
    const type = item.type ?? (item.role === undefined && item.id != null ? 'item_reference' : 'message')
    if (KINDS.has(type)) return { ...item, type }
    const meant = `items of type '${type.slice(0, 50)}' are not served. Served are ${[...KINDS].join(', ')}.`
    throw invalid(`input[${index}]: ${meant}`, 'input')
  })
}

/** Items that were checked once, as they come back from where they were kept. */
export function readItems(items: readonly unknown[]): readonly InputItem[] {
  return checkBody(itemList, { input: items }).input
}

/** The items of a request, each with an id: the client's own, else one that leads back to the response. */
export function withIds(items: readonly InputItem[], responseId: string): readonly InputItem[] {
  return items.map((item, index) => ({
    ...item,
    id: item.id ?? itemId(responseId, item.type ?? 'message', `i${index}`),
  }))
}
