import { z } from 'zod'

/** Text, or pictures and other things as text: what a message and the result of a tool may be made of. */
export type SimpleBlock =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image'; readonly source: { readonly media_type: string; readonly data: string } }
  | {
      readonly type: 'document'
      readonly source:
        | { readonly type: 'text'; readonly data: string }
        | { readonly type: 'content'; readonly content: readonly { readonly text: string }[] }
      readonly title?: string | null | undefined
      readonly context?: string | null | undefined
    }
  | {
      readonly type: 'search_result'
      readonly title: string
      readonly source: string
      readonly content: readonly { readonly text: string }[]
    }
  | { readonly type: 'tool_reference'; readonly tool_name: string }

export interface ToolResultBlock {
  readonly type: 'tool_result'
  readonly tool_use_id: string
  readonly content?: readonly SimpleBlock[] | null | undefined
  readonly is_error?: boolean | null | undefined
}

export type UserBlock = SimpleBlock | ToolResultBlock

export type AssistantBlock =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'thinking'; readonly thinking: string }
  | { readonly type: 'redacted_thinking' }
  | { readonly type: 'tool_use'; readonly id: string; readonly name: string; readonly input?: unknown }

/** A message as Anthropic's clients send it, checked; content that was a text is one block of text. */
export type SentMessage =
  | { readonly role: 'user'; readonly content: readonly UserBlock[] }
  | { readonly role: 'assistant'; readonly content: readonly AssistantBlock[] }
  | { readonly role: 'system'; readonly content: readonly { readonly text: string }[] }

const text = z.looseObject({
  type: z.literal('text', { error: 'must be text: nothing else is served here' }),
  text: z.string(),
})

/** A list of blocks, or a text that stands for one. Not a union: that would lose which block is at fault. */
function blocksOf<Block>(block: z.ZodType<Block>): z.ZodType<readonly Block[]> {
  const list = z.array(block, { error: 'must be a text or a list of content blocks' })
  return z.preprocess((value) => (typeof value === 'string' ? [{ type: 'text', text: value }] : value), list)
}

/** Of text alone. */
export const textBlocks: z.ZodType<readonly { readonly text: string }[]> = blocksOf(text)

/** Pictures come within the request: grym fetches nothing from addresses that a request names. */
const image = z.looseObject({
  type: z.literal('image'),
  source: z.looseObject({
    type: z.literal('base64', {
      error: 'must be base64: a picture is sent within the request, nothing is fetched from an address or a file store',
    }),
    media_type: z.string().regex(/^image\/[\w.+-]+$/, 'must be image/png, image/jpeg or another type of picture'),
    data: z.string().regex(/^[A-Za-z0-9+/=\s]+$/, 'must be base64'),
  }),
})
const document = z.looseObject({
  type: z.literal('document'),
  source: z.discriminatedUnion(
    'type',
    [
      z.looseObject({ type: z.literal('text'), data: z.string() }),
      z.looseObject({ type: z.literal('content'), content: textBlocks }),
    ],
    { error: 'must be text or content: PDFs and documents elsewhere are not read; send their text' },
  ),
  title: z.string().nullish(),
  context: z.string().nullish(),
})
const searchResult = z.looseObject({
  type: z.literal('search_result'),
  title: z.string(),
  source: z.string(),
  content: textBlocks,
})
const toolReference = z.looseObject({ type: z.literal('tool_reference'), tool_name: z.string() })
const simpleBlocks = [text, image, document, searchResult, toolReference] as const
const SIMPLE_NAMES = 'text, image, document, search_result'

const resultBlock = z.discriminatedUnion('type', [...simpleBlocks], {
  error: `must be ${SIMPLE_NAMES} or tool_reference: nothing else is served in the result of a tool`,
})
const toolResult = z.looseObject({
  type: z.literal('tool_result'),
  tool_use_id: z.string(),
  content: blocksOf(resultBlock).nullish(),
  is_error: z.boolean().nullish(),
})
const userBlock = z.discriminatedUnion('type', [...simpleBlocks, toolResult], {
  error: `must be ${SIMPLE_NAMES} or tool_result: nothing else is served in a message of the user`,
})
const assistantBlock = z.discriminatedUnion(
  'type',
  [
    text,
    z.looseObject({ type: z.literal('thinking'), thinking: z.string() }),
    z.looseObject({ type: z.literal('redacted_thinking') }),
    // Whatever it is: what this API answered, a client may send back.
    z.looseObject({ type: z.literal('tool_use'), id: z.string(), name: z.string(), input: z.unknown().optional() }),
  ],
  {
    error:
      'must be text, thinking, redacted_thinking or tool_use: ' +
      "what tools on Anthropic's servers did is not served in a message of the assistant",
  },
)

export const messageSchema: z.ZodType<SentMessage> = z.discriminatedUnion(
  'role',
  [
    z.looseObject({ role: z.literal('user'), content: blocksOf<UserBlock>(userBlock) }),
    z.looseObject({ role: z.literal('assistant'), content: blocksOf<AssistantBlock>(assistantBlock) }),
    z.looseObject({ role: z.literal('system'), content: textBlocks }),
  ],
  { error: 'must be user, assistant or system' },
)
