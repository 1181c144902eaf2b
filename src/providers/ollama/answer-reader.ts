import { randomUUID } from 'node:crypto'
import type { FinishReason, GenerateChunk, TokenLogprob, WeighedToken } from '../../spec/chat.ts'
import { countOf, type Foreign, listOf, objectOf, textOf } from './foreign-values.ts'
import { ollamaFailure } from './ollama-failure.ts'

export interface AnswerReaderOptions {
  /** For messages. */
  readonly model: string
  /** One answer may call several tools; else those after the first are left out. Default true. */
  readonly mayCallSeveral?: boolean
}

const NS_PER_MS = 1e6
/** 0.17.4 ends an answer quietly when one token comes this often in a row (`tokenRepeat` in llm/server.go). */
const REPEAT_LIMIT = 30

/** Reads the lines of one answer, of `/api/chat` or `/api/generate`, as our chunks. */
export class AnswerReader {
  readonly #options: AnswerReaderOptions
  /** Of tokens whose text has not come yet: a piece of a character waits for the others. */
  #logprobs: TokenLogprob[] = []
  #calls = 0
  #isDone = false
  #lastText = ''
  #repeats = 0

  constructor(options: AnswerReaderOptions) {
    this.#options = options
  }

  /** The last line was read. A stream that ends before was broken off, however quietly. */
  get isDone(): boolean {
    return this.#isDone
  }

  /** One token came so often in a row that Ollama ends the answer for it, without a last line. */
  get isRepeating(): boolean {
    return this.#repeats >= REPEAT_LIMIT
  }

  /** What one line says; a line of an error is thrown as what it means. */
  read(value: unknown): GenerateChunk[] {
    const line = objectOf(value)
    const error = line['error']
    if (error !== undefined && error !== null) {
      const text = textOf(error) ?? JSON.stringify(error)
      throw ollamaFailure({ text, model: this.#options.model })
    }
    const message = 'message' in line ? objectOf(line['message']) : { ...line, content: line['response'] }
    return [...this.#parts(message, line), ...(line['done'] === true ? this.#end(line) : [])]
  }

  #parts(message: Foreign, line: Foreign): GenerateChunk[] {
    const chunks: GenerateChunk[] = []
    const thinking = textOf(message['thinking'])
    if (thinking !== undefined) chunks.push({ type: 'reasoning', text: thinking })
    // Probabilities of thoughts are told of no text of the answer.
    else this.#logprobs.push(...listOf(line['logprobs']).map(readLogprob))
    const text = textOf(message['content'])
    this.#noteRepeat((thinking ?? text ?? '').trim())
    if (text !== undefined) chunks.push(this.#text(text))
    for (const value of listOf(message['tool_calls'])) {
      if (this.#calls > 0 && this.#options.mayCallSeveral === false) break
      this.#calls++
      chunks.push({ type: 'toolCall', call: readCall(objectOf(value)) })
    }
    return chunks
  }

  #noteRepeat(text: string): void {
    this.#repeats = text === this.#lastText ? this.#repeats + 1 : 0
    this.#lastText = text
  }

  #text(text: string): GenerateChunk {
    const logprobs = this.#logprobs
    this.#logprobs = []
    return { type: 'text', text, ...(logprobs.length > 0 && { logprobs }) }
  }

  #end(line: Foreign): GenerateChunk[] {
    this.#isDone = true
    const end: GenerateChunk = {
      type: 'end',
      finishReason: this.#finishReason(line['done_reason']),
      usage: {
        promptTokens: countOf(line['prompt_eval_count']) ?? 0,
        // How much of it was cached shows nowhere but in the time it took.
        cachedTokens: null,
        generatedTokens: countOf(line['eval_count']) ?? 0,
      },
      prefillMs: (countOf(line['prompt_eval_duration']) ?? 0) / NS_PER_MS,
      decodeMs: (countOf(line['eval_duration']) ?? 0) / NS_PER_MS,
    }
    const isTextPending = this.#logprobs.length > 0 && this.#calls === 0
    return isTextPending ? [this.#text(''), end] : [end]
  }

  #finishReason(reason: unknown): FinishReason {
    if (this.#calls > 0) return 'toolCalls'
    return reason === 'length' ? 'length' : 'stop'
  }
}

/** Ollama's calls have no id in old versions, and their arguments are an object. */
function readCall(call: Foreign): { id: string; name: string; arguments: string } {
  const called = objectOf(call['function'])
  return {
    id: textOf(call['id']) ?? `call_${randomUUID().replaceAll('-', '').slice(0, 24)}`,
    name: textOf(called['name']) ?? '',
    arguments: JSON.stringify(called['arguments'] ?? {}),
  }
}

function readLogprob(value: unknown): TokenLogprob {
  const entry = objectOf(value)
  return { ...readWeighed(entry), top: listOf(entry['top_logprobs']).map((each) => readWeighed(objectOf(each))) }
}

function readWeighed(entry: Foreign): WeighedToken {
  const { token, logprob, bytes } = entry
  return {
    token: typeof token === 'string' ? token : '',
    bytes: Array.isArray(bytes) ? (bytes as unknown[]).filter((byte) => typeof byte === 'number') : null,
    logprob: typeof logprob === 'number' ? logprob : -Infinity,
  }
}
