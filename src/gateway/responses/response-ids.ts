import { randomBytes } from 'node:crypto'

/** What the id of an item begins with, by its type. */
const PREFIXES: Readonly<Record<string, string>> = {
  message: 'msg',
  reasoning: 'rs',
  function_call: 'fc',
  function_call_output: 'fco',
}

/** 128 bits of chance: nobody guesses the id of somebody else's response. */
export function newResponseId(): string {
  return `resp_${randomBytes(16).toString('hex')}`
}

/**
 * The id of an item, which leads back to its response: a reference to an item needs no index of its own.
 *
 * @param place `0` for the first item of the output, `i0` for the first of the input.
 */
export function itemId(responseId: string, type: string, place: string): string {
  return `${PREFIXES[type] ?? 'item'}_${responseId.replace(/^resp_/, '')}_${place}`
}

/** The response that an item's id leads to; `undefined` = it is none of ours. */
export function responseOfItem(id: string): string | undefined {
  const [, digits] = /^[a-z]+_([0-9a-f]{32})_i?\d{1,6}$/.exec(id) ?? []
  return digits && `resp_${digits}`
}
