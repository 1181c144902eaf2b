import { RemoteManager } from '../../client/remote-manager.ts'
import type { InferChunk, InferRequest } from '../../spec/admin.ts'
import { LOCAL_OWNER } from '../../spec/owner-id.ts'
import { resourceError } from '../../spec/errors.ts'
import type { Context } from '../context.ts'
import { type KeepAliveOption, keepAliveWish } from '../keep-alive-option.ts'
import { progressBar } from '../progress-bar.ts'

export interface RunOptions extends KeepAliveOption {
  readonly model?: string
  readonly system?: string
  /** Default 0: the same question gets the same answer, and a small model stays to the point. */
  readonly temperature: number
  /** Default 1024. */
  readonly maxTokens: number
}

/** Answers one question: by the running daemon of the state folder, else in this process. */
export async function runVerb(context: Context, question: string, options: RunOptions): Promise<void> {
  const { model, system, temperature, maxTokens } = options
  const request: InferRequest = {
    model,
    messages: [
      { role: 'system', content: system ?? 'You are a helpful assistant.' },
      { role: 'user', content: question },
    ],
    sampling: { temperature },
    stop: [],
    isStreamed: true,
    maxTokens,
    conversation: { owner: LOCAL_OWNER },
    wish: keepAliveWish(options),
  }
  const client = await context.runningClient()
  const chunks = client ? new RemoteManager(client).infer(request, context.signal) : inProcess(context, request)
  let answer = ''
  let answeredBy = model ?? 'default'
  try {
    for await (const chunk of chunks) {
      if (chunk.type === 'end') answeredBy = chunk.receipt.modelId
      if (chunk.type !== 'text') continue
      answer += chunk.text
      context.terminal.piece(chunk.text)
    }
  } catch (error) {
    if (context.signal.aborted) throw resourceError('request-cancelled', 'Interrupted.', { cause: error })
    throw error
  }
  context.terminal.result({ model: answeredBy, answer }, '')
}

async function* inProcess(context: Context, request: InferRequest): AsyncGenerator<InferChunk> {
  const { compose, foldersOf } = await import('../../app/compose.ts')
  const { ensureDefaultModel } = await import('../../app/default-model.ts')
  const { config, signal, terminal } = context
  const folders = await foldersOf(config)
  const app = await compose({ config, folders, onFault: (error) => terminal.notice(String(error)) })
  const { model } = request
  try {
    if (model === undefined || model === 'default' || model === config.defaultModel) {
      await ensureDefaultModel({
        config,
        folders,
        catalog: app.catalog,
        signal,
        onNotice: (text) => terminal.notice(text),
        onProgress: (progress) => terminal.progress(`${progressBar(progress)} ${progress.source}`),
      })
      terminal.progressOver()
    }
    const wish = app.keeps(LOCAL_OWNER) ? request : { ...request, conversation: undefined }
    yield* app.manager.infer(wish, signal)
  } finally {
    await app.close(0)
  }
}
