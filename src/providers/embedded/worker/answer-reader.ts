import type { ReasoningSyntax } from './reasoning-syntax.ts'
import { startedLength } from './stop-strings.ts'

/** What to look for in an answer. */
export interface AnswerMarks {
  readonly reasoning?: ReasoningSyntax & {
    /** The prompt ended inside the reasoning. */
    readonly isOpen: boolean
  }
  /** What calls of tools begin with. */
  readonly calls?: { readonly trigger: string; readonly isAtStart?: boolean }
}

export interface ReadText {
  readonly type: 'text' | 'reasoning'
  readonly text: string
}

/**
 * Tells reasoning, text and calls of tools apart in an answer that comes in pieces:
 *
 * start ─► reasoning ─► between ─► text ─► calls
 *
 * Text that may still become a mark is held back. From a call's trigger on all of it is kept: only whole calls can be
 * read.
 */
export class AnswerReader {
  readonly #marks: AnswerMarks
  #state: 'start' | 'reasoning' | 'between' | 'text' | 'calls'
  #held = ''
  #hasText = false
  #hasReasoning = false

  constructor(marks: AnswerMarks) {
    this.#marks = marks
    this.#state = marks.reasoning?.isOpen ? 'reasoning' : 'start'
  }

  /** Is the next text reasoning, as far as can be said? */
  get isReasoning(): boolean {
    return this.#state === 'reasoning'
  }

  push(piece: string): ReadText[] {
    this.#held += piece
    return this.#read(false)
  }

  /** The answer is over. `calls` is the text from the trigger on; `undefined` = there was none. */
  end(): { readonly read: ReadText[]; readonly calls: string | undefined } {
    const read = this.#read(true)
    const calls = this.#state === 'calls' ? this.#held : undefined
    return { read, calls }
  }

  #read(isOver: boolean): ReadText[] {
    const read: ReadText[] = []
    const put = (type: ReadText['type'], text: string): void => {
      if (text !== '') read.push({ type, text })
    }
    for (let before; before !== this.#state;) {
      before = this.#state
      if (this.#state === 'start') this.#readStart(isOver)
      if (this.#state === 'reasoning') put('reasoning', this.#readReasoning(isOver))
      if (this.#state === 'between') this.#readBetween(isOver)
      if (this.#state === 'text') put('text', this.#readText(isOver))
    }
    return read
  }

  #readStart(isOver: boolean): void {
    const { reasoning } = this.#marks
    const begun = this.#held.trimStart()
    if (reasoning && begun.startsWith(reasoning.open)) {
      this.#held = begun.slice(reasoning.open.length)
      this.#state = 'reasoning'
    } else if (isOver || !reasoning || !reasoning.open.startsWith(begun)) this.#state = 'text'
  }

  #readReasoning(isOver: boolean): string {
    const close = this.#marks.reasoning?.close ?? ''
    if (!this.#hasReasoning) this.#held = this.#held.trimStart()
    const end = this.#held.indexOf(close)
    if (end !== -1) this.#state = 'between'
    const text =
      end !== -1
        ? this.#held.slice(0, end)
        : this.#held.slice(0, this.#held.length - (isOver ? 0 : startedLength(this.#held, close)))
    // White space is held until something follows it: what stands before the closing mark is none of the reasoning.
    const taken = text.trimEnd()
    this.#held = end !== -1 ? this.#held.slice(end + close.length) : this.#held.slice(taken.length)
    this.#hasReasoning ||= taken !== ''
    return taken
  }

  #readBetween(isOver: boolean): void {
    const mark = this.#marks.reasoning?.answerMark ?? ''
    const begun = this.#held.trimStart()
    if (mark !== '' && begun.startsWith(mark)) this.#held = begun.slice(mark.length)
    else if (!isOver && (begun === '' || (mark !== '' && mark.startsWith(begun)))) return
    else this.#held = begun
    this.#state = 'text'
  }

  #readText(isOver: boolean): string {
    const { calls } = this.#marks
    const found = calls && this.#findCalls(calls)
    if (found !== undefined && found !== -1) {
      const text = this.#take(found)
      this.#state = 'calls'
      // What stands between text and call is neither.
      return text.trimEnd()
    }
    const mayBegin = calls && !isOver && this.#mayFind(calls)
    return this.#take(this.#held.length - (mayBegin ? heldLength(this.#held, calls.trigger) : 0))
  }

  #findCalls({ trigger, isAtStart }: NonNullable<AnswerMarks['calls']>): number {
    if (!isAtStart) return this.#held.indexOf(trigger)
    const blank = this.#held.length - this.#held.trimStart().length
    return !this.#hasText && this.#held.startsWith(trigger, blank) ? blank : -1
  }

  #mayFind({ trigger, isAtStart }: NonNullable<AnswerMarks['calls']>): boolean {
    return !isAtStart || (!this.#hasText && trigger.startsWith(this.#held.trimStart()))
  }

  #take(length: number): string {
    const text = this.#held.slice(0, length)
    this.#held = this.#held.slice(length)
    this.#hasText ||= text.trim() !== ''
    return text
  }
}

/** What may become a trigger, and the white space before it. */
function heldLength(text: string, trigger: string): number {
  const started = startedLength(text, trigger)
  const before = text.slice(0, text.length - started)
  return text.length - before.trimEnd().length
}
