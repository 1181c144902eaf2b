/** Most lines kept, and letters of one: what a program prints without an end must not fill the memory. */
const MAX_LINES = 500
const MAX_LINE_CHARACTERS = 2_000

/** Most of it that stands in an error: enough for a reason, and little enough for a log with an error on every line. */
const MAX_TAIL_LINES = 20
const MAX_TAIL_CHARACTERS = 4_000

/** The last lines that a program printed. Pieces that end in the middle of a line, or of a letter, are put together. */
export class ProcessOutput {
  readonly #decoders = new Map<string, InstanceType<typeof TextDecoder>>()
  readonly #unfinished = new Map<string, string>()
  readonly #lines: string[] = []

  /** @param stream whose piece it is: lines of two streams do not run into each other. */
  add(stream: 'stdout' | 'stderr', piece: Uint8Array): void {
    const decoder = this.#decoders.get(stream) ?? new TextDecoder()
    this.#decoders.set(stream, decoder)
    const text = (this.#unfinished.get(stream) ?? '') + decoder.decode(piece, { stream: true })
    const lines = text.split(/\r\n|\n|\r(?!$)/)
    const rest = lines.pop() ?? ''
    for (const line of lines) this.#keep(line)
    this.#unfinished.set(stream, rest.slice(0, MAX_LINE_CHARACTERS))
  }

  /** Oldest first, those among them that have no end yet. */
  get lines(): readonly string[] {
    return [...this.#lines, ...[...this.#unfinished.values()].filter((line) => line.trim() !== '')]
  }

  get text(): string {
    return this.lines.join('\n')
  }

  /** What it printed last: at most 20 lines and 4,000 letters. */
  get tail(): string {
    return this.lines.slice(-MAX_TAIL_LINES).join('\n').slice(-MAX_TAIL_CHARACTERS)
  }

  /** Adds a line of our own. */
  note(line: string): void {
    this.#keep(line)
  }

  #keep(line: string): void {
    this.#lines.push(line.slice(0, MAX_LINE_CHARACTERS))
    if (this.#lines.length > MAX_LINES) this.#lines.shift()
  }
}
