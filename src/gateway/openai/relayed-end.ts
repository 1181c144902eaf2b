import { asRecord, parsedJson } from '../../spec/json-narrowing.ts'
import type { EndOfAnswer } from '../answer/answer-writer.ts'
import { encodeReceipt } from '../answer/receipt.ts'

/** What this dialect ends its streams with. */
const LAST_WORD = /^data: ?\[DONE\]/m
const OBJECT = /^data: ?(\{.*\})\r?$/gm

/**
 * What an engine's own stream ends with. Where a state came from disk, which the engine knows nothing of, an event with grym's
 * receipt stands before the last word; else nothing is added.
 *
 * @param last the events that go out once the answer is whole.
 */
export function relayedEnd(last: Uint8Array, end: EndOfAnswer): Uint8Array {
  if (!end.restored) return last
  const text = Buffer.from(last).toString('utf8')
  const at = LAST_WORD.exec(text)?.index ?? text.length
  const before = text.slice(0, at)
  const isOpen = before !== '' && !/\r?\n\r?\n$/.test(before)
  // Clients that read `choices[0].delta` of every event find one.
  const choices = [{ index: 0, delta: {}, finish_reason: null }]
  const event = { ...headOf(before, end), choices, grym: encodeReceipt(end) }
  return Buffer.from(`${before}${isOpen ? '\n\n' : ''}data: ${JSON.stringify(event)}\n\n${text.slice(at)}`)
}

/** Of the engine's own events, so that all of the stream has one id. */
function headOf(events: string, { receipt }: EndOfAnswer): object {
  const [, json = ''] = [...events.matchAll(OBJECT)].at(-1) ?? []
  const { id, created, model = receipt.modelId } = asRecord(parsedJson(json)) ?? {}
  return { id, object: 'chat.completion.chunk', created, model }
}
