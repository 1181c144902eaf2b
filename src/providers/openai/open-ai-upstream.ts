import { AnswerChannel } from '../../spec/answer-channel.ts'
import type { Embeddings, GenerateChunk, GenerateRequest, RawRequest, RelayChunk } from '../../spec/chat.ts'
import { type ResourceError, resourceError } from '../../spec/errors.ts'
import { givenUp } from '../giving-up.ts'
import { AnswerReader } from './answer-reader.ts'
import { type OpenAiDialect, PLAIN_OPENAI } from './dialect.ts'
import { readEmbeddings } from './embeddings-reply.ts'
import { EngineHttp, type EngineHttpOptions, type OpenReply } from './engine-http.ts'
import { streamEvents } from './event-stream.ts'
import { asCount, asRecord, asRecords, asText, type JsonRecord, parsedJson } from '../../spec/json-narrowing.ts'
import { relayAnswer } from './relay-answer.ts'
import { relayedBody } from './relayed-body.ts'
import { chatBody, completionBody } from './request-body.ts'
import { toldError } from './upstream-error.ts'

/** Largest answer that is read, all its events together. */
const MAX_ANSWER_BYTES = 268_435_456

export interface OpenAiUpstreamOptions extends EngineHttpOptions {
  /** With the version, without a slash at the end: `http://127.0.0.1:8080/v1`. */
  readonly baseUrl: string
  /** Default: OpenAI's own. */
  readonly dialect?: OpenAiDialect
  /**
   * Is the model that answers the one that was asked? Where not, the answer is refused with `wrong-model` and nothing of
   * it passed on. Default: nobody looks.
   */
  readonly isSameModel?: (asked: string, answering: string) => boolean
  /**
   * Called when an answer broke off, before its reader is told: what it resolves to is told instead. So the end of a
   * process can be waited for, which shows later than that of its connections.
   */
  readonly onBrokenOff?: (error: ResourceError) => Promise<ResourceError>
}

/** An answer as it comes. It may be read once. */
export interface UpstreamAnswer extends AsyncIterableIterator<GenerateChunk> {
  /** The model that answers, as it calls itself; `undefined` until its first event. */
  readonly answeringModel: string | undefined
}

/** A model that an upstream lists. */
export interface ListedModel {
  readonly id: string
  /** `null` = it does not tell. */
  readonly contextTokens: number | null
  /** All that is said of it. */
  readonly fields: JsonRecord
}

/** OpenAI's HTTP, spoken as a client. */
export class OpenAiUpstream {
  readonly http: EngineHttp
  readonly #options: OpenAiUpstreamOptions
  readonly #dialect: OpenAiDialect

  constructor(options: OpenAiUpstreamOptions) {
    this.#options = options
    this.#dialect = options.dialect ?? PLAIN_OPENAI
    this.http = new EngineHttp(options)
  }

  /**
   * Messages are answered, a {@link GenerateRequest.completion} is continued. On abort it ends as cancelled at once.
   * @param fields of this upstream's own, sent along.
   */
  chat(model: string, request: GenerateRequest, signal: AbortSignal, fields: JsonRecord = {}): UpstreamAnswer {
    const answer = new Answer(signal)
    void this.#answer(model, request, answer, fields)
    return answer
  }

  /**
   * The client's own request, and the answer as it is; `undefined` = for {@link chat}. Read as fast as it is taken.
   */
  relay(
    model: string,
    request: GenerateRequest,
    raw: RawRequest,
    signal: AbortSignal,
    fields: JsonRecord = {},
  ): AsyncIterable<RelayChunk> | undefined {
    const body = relayedBody(model, raw, this.#dialect)
    return body && this.#relay(model, request, { ...body, ...fields }, signal)
  }

  async embed(model: string, inputs: readonly string[], signal: AbortSignal): Promise<Embeddings> {
    const body = { model, input: inputs, encoding_format: 'float' }
    const asked = this.http.json({ url: this.#url('/embeddings'), body, signal })
    const reply = await asked.catch(async (error: unknown) => {
      throw await this.#toldFailure(error)
    })
    const answering = asText(asRecord(reply)?.['model'])
    if (answering !== undefined) this.#checkModel(model, answering)
    return readEmbeddings(this.#options.engine, reply, inputs.length)
  }

  async list(signal: AbortSignal): Promise<readonly ListedModel[]> {
    const reply = asRecord(await this.http.json({ url: this.#url('/models'), signal }))
    return asRecords(reply?.['data']).flatMap((fields) => {
      const id = asText(fields['id'])
      const windowTokens = asCount(fields['max_model_len']) ?? asCount(fields['context_length'])
      return id === undefined ? [] : [{ id, contextTokens: windowTokens ?? null, fields }]
    })
  }

  /** Ends every connection; answers that go on end as broken off. */
  async close(): Promise<void> {
    await this.http.close()
  }

  async #answer(model: string, request: GenerateRequest, answer: Answer, fields: JsonRecord): Promise<void> {
    try {
      const isText = request.completion !== undefined
      const body = { ...(isText ? completionBody : chatBody)(model, request, this.#dialect), ...fields }
      const url = this.#url(isText ? '/completions' : '/chat/completions')
      const reader = this.#reader(request)
      const reply = await this.http.open({ url, body, signal: answer.signal })
      try {
        await this.#read(reply, reader, model, answer)
      } catch (error) {
        throw reply.explain(error)
      } finally {
        reply.close()
      }
    } catch (error) {
      answer.fail(await this.#toldFailure(error))
    } finally {
      answer.release()
    }
  }

  async *#relay(
    model: string,
    request: GenerateRequest,
    body: JsonRecord,
    signal: AbortSignal,
  ): AsyncGenerator<RelayChunk> {
    const reader = this.#reader(request)
    try {
      const reply = await this.http.open({ url: this.#url('/chat/completions'), body, signal })
      let isWhole = false
      try {
        for await (const chunk of relayAnswer(reply, bounded(reply.body), {
          reader,
          checkModel: (answering) => this.#checkModel(model, answering),
          refusal: (told) => this.http.refusal(told),
        })) {
          isWhole = chunk.type === 'end'
          yield chunk
        }
      } catch (error) {
        throw reply.explain(error)
      } finally {
        // What is whole closes its connection itself, or keeps it.
        if (!isWhole) reply.close()
      }
    } catch (error) {
      throw await this.#toldFailure(error)
    }
  }

  #reader(request: GenerateRequest): AnswerReader {
    return new AnswerReader({
      topLogprobs: request.topLogprobs,
      mustCall: mustCall(request),
      nowMs: () => this.#options.clock.nowMs(),
    })
  }

  async #read(reply: OpenReply, reader: AnswerReader, model: string, answer: Answer): Promise<void> {
    const body = bounded(reply.body)
    for await (const event of reply.isEventStream ? jsonEvents(body, reply) : wholeReply(body, reply)) {
      if (event === 'done') {
        // What is over for the reader is over at once; the rest is read so that the connection can be used again.
        answer.complete(reader.finish())
        continue
      }
      const told = toldError(reply.status, event)
      if (told) throw this.http.refusal(told)
      const parts = reader.read(event)
      if (reader.model !== undefined && answer.answeringModel === undefined) {
        this.#checkModel(model, reader.model)
        answer.answeringModel = reader.model
      }
      for (const part of parts) answer.push(part)
    }
    answer.complete(reader.finish())
  }

  async #toldFailure(error: unknown): Promise<Error> {
    if (!(error instanceof Error)) return new Error(String(error))
    const { onBrokenOff } = this.#options
    return onBrokenOff && isBreak(error) ? onBrokenOff(error) : error
  }

  #checkModel(asked: string, answering: string): void {
    const { isSameModel, engine } = this.#options
    if (!isSameModel || isSameModel(asked, answering)) return
    const message = `${engine} was asked for '${asked}' and answered with '${answering}'. Load the model there under the name that is asked for.`
    throw resourceError('wrong-model', message, { details: { asked, answering } })
  }

  #url(path: string): string {
    return `${this.#options.baseUrl}${path}`
  }
}

/** An answer on its way to its reader; whoever leaves early ends the request. */
class Answer extends AnswerChannel<GenerateChunk> implements UpstreamAnswer {
  answeringModel: string | undefined
  readonly #leave: AbortController

  constructor(signal: AbortSignal) {
    const leave = new AbortController()
    super(() => leave.abort())
    this.#leave = leave
    const abort = (): void => {
      this.fail(givenUp())
      leave.abort()
    }
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true, signal: leave.signal })
  }

  /** Aborts when nobody waits for the answer any more. */
  get signal(): AbortSignal {
    return this.#leave.signal
  }

  /** Nothing comes any more: the signal that it listened to may outlive it. */
  release(): void {
    this.#leave.abort()
  }

  complete(chunks: readonly GenerateChunk[]): void {
    if (this.isOver) return
    for (const chunk of chunks) this.push(chunk)
    this.end()
  }
}

type JsonEvent = JsonRecord | 'done'

async function* jsonEvents(body: AsyncIterable<Uint8Array>, { touch }: OpenReply): AsyncGenerator<JsonEvent> {
  for await (const { name, data } of streamEvents(body, touch)) {
    if (data.trim() === '[DONE]') yield 'done'
    else {
      const json = parsedJson(data)
      const record = asRecord(json)
      if (name === 'error') yield { error: record?.['error'] ?? json ?? data }
      else if (record) yield record
    }
  }
}

/** A reply that is no stream although one was asked for: an error, or all of the answer at once. */
async function* wholeReply(body: AsyncIterable<Uint8Array>, { touch }: OpenReply): AsyncGenerator<JsonEvent> {
  const pieces: Uint8Array[] = []
  for await (const piece of body) {
    touch()
    pieces.push(piece)
  }
  const record = asRecord(parsedJson(Buffer.concat(pieces).toString('utf8')))
  if (record) yield record
}

async function* bounded(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let bytes = 0
  for await (const piece of body) {
    bytes += piece.byteLength
    if (bytes > MAX_ANSWER_BYTES) {
      const message = `The engine sent more than ${MAX_ANSWER_BYTES} bytes for one answer; it was not read on.`
      throw resourceError('engine-error', message)
    }
    yield piece
  }
}

/** llama-server lets a model without tools in its template answer as it likes. */
function mustCall({ tools = [], toolChoice = 'auto' }: GenerateRequest): boolean {
  return tools.length > 0 && (toolChoice === 'required' || typeof toolChoice === 'object')
}

function isBreak(error: Error): error is ResourceError {
  const reason = 'reason' in error ? error.reason : undefined
  return reason === 'engine-lost' || reason === 'engine-unreachable' || reason === 'engine-stuck'
}
