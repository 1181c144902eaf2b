/** Control characters (C0, DEL, C1) but for line break and tab: a terminal obeys them instead of showing them. */
const CONTROLS = /(?![\n\t])\p{Cc}/gu
/** The controls that `JSON.stringify` leaves as they are. */
const CONTROLS_OUTSIDE_JSON = /[\u007f-\u009f]/g

/** What others wrote, safe to show at a terminal: control characters are gone; `\r\n` is a line break. */
export function printableText(text: string): string {
  return text.replace(/\r\n?/g, '\n').replace(CONTROLS, '')
}

/** The same on one line. */
export function printableLine(text: string): string {
  return printableText(text).replace(/[\n\t]+/g, ' ')
}

/** JSON that holds the same and is safe to show at a terminal. Options as of `JSON.stringify`. */
export function printableJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replace(
    CONTROLS_OUTSIDE_JSON,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
