import { randomUUID } from 'node:crypto'
import type { InferReceipt } from '../../spec/admin.ts'
import type { AnswerPart, FinishReason, ToolCall } from '../../spec/chat.ts'
import type { ResourceError } from '../../spec/errors.ts'
import { asRecord, parsedJson } from '../../spec/json-narrowing.ts'
import type { AnswerWriter, EndOfAnswer } from '../answer/answer-writer.ts'
import { EVENT_STREAM } from '../stream-body.ts'
import { anthropicError } from './encode-error.ts'
import { encodeUsage, UNKNOWN_USAGE } from './encode-usage.ts'

const STOP_REASONS: Readonly<Record<FinishReason, string>> = {
  stop: 'end_turn',
  length: 'max_tokens',
  toolCalls: 'tool_use',
}

/** Kinds of block that come in pieces. */
type RunningBlock = 'text' | 'thinking'

/**
 * Messages of Anthropic's API, whole and as events (https://docs.anthropic.com/en/docs/build-with-claude/streaming):
 * `message_start`, blocks one after the other, each with its start, its pieces and its stop, `message_delta`,
 * `message_stop`.
 */
export class MessageWriter implements AnswerWriter {
  readonly contentType: string = EVENT_STREAM
  readonly idle: string = event({ type: 'ping' })
  readonly #showsThinking: boolean
  readonly #id = `msg_${randomUUID().replaceAll('-', '')}`
  #running: RunningBlock | undefined
  /** Blocks that are over. */
  #blocks = 0

  /** @param showsThinking tell what the model thinks; else it is left out. */
  constructor(showsThinking: boolean) {
    this.#showsThinking = showsThinking
  }

  whole(parts: readonly AnswerPart[], end: EndOfAnswer): object {
    const content: object[] = []
    let running: { readonly kind: RunningBlock; text: string } | undefined
    const close = (): void => {
      if (running) content.push({ ...emptyBlock(running.kind), [running.kind]: running.text })
      running = undefined
    }
    for (const part of parts) {
      const kind = this.#kindOf(part)
      if (part.type === 'toolCall') {
        close()
        content.push({ ...emptyCall(part.call), input: inputOf(part.call) })
      } else if (kind && running?.kind === kind) running.text += part.text
      else if (kind) {
        close()
        running = { kind, text: part.text }
      }
    }
    close()
    return { ...this.#message(end.receipt), content, ...stopOf(end), usage: encodeUsage(end) }
  }

  begin(receipt: InferReceipt): string {
    const message = {
      ...this.#message(receipt),
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: UNKNOWN_USAGE,
    }
    return event({ type: 'message_start', message })
  }

  part(part: AnswerPart): string {
    if (part.type === 'toolCall') {
      const delta = { type: 'input_json_delta', partial_json: inputText(part.call) }
      return this.#close() + this.#open(emptyCall(part.call)) + this.#delta(delta) + this.#stop()
    }
    const kind = this.#kindOf(part)
    if (!kind) return ''
    const opened = kind === this.#running ? '' : this.#close() + this.#open(emptyBlock(kind))
    this.#running = kind
    return opened + this.#delta({ type: `${kind}_delta`, [kind]: part.text })
  }

  /** What was counted is known only now; the counts are those of the whole message. */
  end(end: EndOfAnswer): string {
    const last = { type: 'message_delta', delta: stopOf(end), usage: encodeUsage(end) }
    return this.#close() + event(last) + event({ type: 'message_stop' })
  }

  /** An error event, and no `message_stop`. */
  failure(error: ResourceError, id: string): string {
    return event(anthropicError(error, id))
  }

  #message({ modelId }: InferReceipt): object {
    return { id: this.#id, type: 'message', role: 'assistant', model: modelId }
  }

  /** `undefined` = nothing of it is told. */
  #kindOf(part: AnswerPart): RunningBlock | undefined {
    if (part.type === 'toolCall' || part.text === '') return undefined
    if (part.type === 'text') return 'text'
    return this.#showsThinking ? 'thinking' : undefined
  }

  #open(block: object): string {
    return event({ type: 'content_block_start', index: this.#blocks, content_block: block })
  }

  #delta(delta: object): string {
    return event({ type: 'content_block_delta', index: this.#blocks, delta })
  }

  #stop(): string {
    return event({ type: 'content_block_stop', index: this.#blocks++ })
  }

  /** Ends the block that is open, if one is. */
  #close(): string {
    if (!this.#running) return ''
    const signature = this.#running === 'thinking' ? this.#delta({ type: 'signature_delta', signature: '' }) : ''
    this.#running = undefined
    return signature + this.#stop()
  }
}

/**
 * The signature is what Anthropic's servers know their own thinking by. There is nothing to prove here, so it is empty; it is
 * there because clients expect the field.
 */
function emptyBlock(kind: RunningBlock): object {
  return kind === 'text' ? { type: 'text', text: '' } : { type: 'thinking', thinking: '', signature: '' }
}

function emptyCall({ id, name }: ToolCall): object {
  return { type: 'tool_use', id, name, input: {} }
}

/** The arguments as a value. What is no JSON object stays the text that the model wrote: its client judges it. */
function inputOf({ arguments: text }: ToolCall): unknown {
  if (text.trim() === '') return {}
  return asRecord(parsedJson(text)) ?? text
}

/** The same as JSON text: as the model wrote it, so that no digit of a number is lost. */
function inputText(call: ToolCall): string {
  const input = inputOf(call)
  if (typeof input === 'string') return JSON.stringify(input)
  return call.arguments.trim() === '' ? '{}' : call.arguments
}

/** An engine that does not tell which stop string it came to ends its turn, as far as can be said. */
function stopOf({ finishReason, stoppedBy }: EndOfAnswer): object {
  if (stoppedBy !== undefined) return { stop_reason: 'stop_sequence', stop_sequence: stoppedBy }
  return { stop_reason: STOP_REASONS[finishReason], stop_sequence: null }
}

function event<Data extends { readonly type: string }>(data: Data): string {
  return `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`
}
