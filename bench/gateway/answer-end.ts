/** What a body in chunks ends with. */
const LAST_CHUNK = '\r\n0\r\n\r\n'

/** Finds the end of one answer, and keeps no more of it than that takes. */
export class AnswerEnd {
  #head = ''
  /** Of a body of known length; `undefined` = it comes in chunks. */
  #leftBytes: number | undefined
  #tail: string | undefined

  /** Throws for an answer that is none. */
  isReached(text: string): boolean {
    if (this.#tail === undefined) {
      this.#head += text
      const headEnd = this.#head.indexOf('\r\n\r\n')
      if (headEnd === -1) return false
      if (!this.#head.startsWith('HTTP/1.1 200')) throw new Error(`It was refused: ${this.#head.slice(0, 1_000)}`)
      const length = /\r\ncontent-length: *(\d+)/i.exec(this.#head.slice(0, headEnd))?.[1]
      this.#leftBytes = length === undefined ? undefined : Number(length)
      this.#tail = ''
      return this.#isBodyEnd(this.#head.slice(headEnd + 4))
    }
    return this.#isBodyEnd(text)
  }

  #isBodyEnd(text: string): boolean {
    if (this.#leftBytes !== undefined) return (this.#leftBytes -= text.length) <= 0
    this.#tail = (this.#tail + text).slice(-LAST_CHUNK.length)
    return this.#tail === LAST_CHUNK
  }
}
