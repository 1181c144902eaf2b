/** One event of a stream of Anthropic's API. */
export interface AnthropicEvent {
  readonly type: string
  readonly index?: number
  readonly content_block?: Block
  readonly delta?: Readonly<Record<string, unknown>> & { readonly type?: string }
  readonly message?: Readonly<Record<string, unknown>>
  readonly usage?: Readonly<Record<string, unknown>>
  readonly error?: Readonly<Record<string, unknown>>
}

type Block = Readonly<Record<string, unknown>> & { readonly type: string }

/** Reads a stream; throws where a frame is not `event:` and `data:` that agree. */
export function readEvents(stream: string): AnthropicEvent[] {
  const frames = stream.split('\n\n')
  if (frames.pop() !== '') throw new Error('the last frame has no end')
  return frames.map((frame) => {
    const [, name, data] = /^event: (\w+)\ndata: ([^\r\n]*)$/.exec(frame) ?? []
    const event = JSON.parse(data ?? '') as AnthropicEvent
    if (event.type !== name) throw new Error(`${event.type} is sent as ${name}`)
    return event
  })
}

/**
 * The message that events make, as clients put it together. Throws where the order is not the one of the API: start, whole
 * blocks one after the other with rising indices, delta, stop.
 */
export function assembled(events: readonly AnthropicEvent[]): Record<string, unknown> {
  const [start, ...rest] = events.filter(({ type }) => type !== 'ping')
  if (start?.type !== 'message_start' || !start.message) throw new Error('no message_start first')
  const [delta, stop] = rest.splice(-2)
  if (delta?.type !== 'message_delta' || stop?.type !== 'message_stop') throw new Error('no delta and stop last')
  const content: Record<string, unknown>[] = []
  let open: Record<string, unknown> | undefined
  let json = ''
  for (const event of rest) {
    if (event.index !== content.length) throw new Error(`index ${event.index} at block ${content.length}`)
    if (event.type === 'content_block_start') {
      if (open || !event.content_block) throw new Error('a block is open, or there is none')
      open = { ...event.content_block }
    } else if (!open) throw new Error(`${event.type} without a block`)
    else if (event.type === 'content_block_delta') json += addDelta(open, event.delta ?? {})
    else if (event.type === 'content_block_stop') {
      content.push(json === '' ? open : { ...open, input: JSON.parse(json) as unknown })
      open = undefined
      json = ''
    } else throw new Error(`${event.type} among blocks`)
  }
  if (open) throw new Error('the last block has no end')
  return { ...start.message, content, ...delta.delta, usage: delta.usage }
}

/** Returns JSON that is still to be put together. */
function addDelta(block: Record<string, unknown>, delta: NonNullable<AnthropicEvent['delta']>): string {
  const belongs = {
    text_delta: 'text',
    thinking_delta: 'thinking',
    signature_delta: 'thinking',
    input_json_delta: 'tool_use',
  }
  const { type = '' } = delta
  if (belongs[type as keyof typeof belongs] !== block['type'])
    throw new Error(`${type} in a block of ${String(block['type'])}`)
  if (type === 'input_json_delta') return delta['partial_json'] as string
  const field = type.replace('_delta', '')
  block[field] = `${block[field] as string}${delta[field] as string}`
  return ''
}
