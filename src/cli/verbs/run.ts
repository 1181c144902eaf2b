import { LOCAL_OWNER } from '../../spec/conversations.ts'
import { resourceError } from '../../spec/errors.ts'
import type { Context } from '../context.ts'
import { progressBar } from '../progress-bar.ts'

export interface RunOptions {
  readonly model?: string
  readonly system?: string
  /** Default 0: the same question gets the same answer, and a small model stays to the point. */
  readonly temperature: number
  /** Default 1024. */
  readonly maxTokens: number
}

type Message = { readonly role: 'system' | 'user'; readonly content: string }

/** Answers one question: by the running daemon of the state folder, else in this process. */
export async function runVerb(context: Context, question: string, options: RunOptions): Promise<void> {
  const system: Message = { role: 'system', content: options.system ?? 'You are a helpful assistant.' }
  const messages: Message[] = [system, { role: 'user', content: question }]
  const client = await context.runningClient()
  const texts = client
    ? client.chat(chatBody(messages, options), context.signal)
    : inProcess(context, messages, options)
  let answer = ''
  try {
    for await (const text of texts) {
      answer += text
      context.terminal.piece(text)
    }
  } catch (error) {
    if (context.signal.aborted) throw resourceError('request-cancelled', 'Interrupted.', { cause: error })
    throw error
  }
  context.terminal.result({ model: options.model ?? 'default', answer }, '')
}

function chatBody(
  messages: readonly Message[],
  { model, temperature, maxTokens }: RunOptions,
): Parameters<ClientChat>[0] {
  return {
    messages,
    temperature,
    max_tokens: maxTokens,
    ...(model !== undefined && { model }),
  }
}

type ClientChat = import('../../client/grym-client.ts').GrymClient['chat']

async function* inProcess(context: Context, messages: readonly Message[], options: RunOptions): AsyncGenerator<string> {
  const { compose, foldersOf } = await import('../../app/compose.ts')
  const { ensureDefaultModel } = await import('../../app/default-model.ts')
  const { config, signal, terminal } = context
  const folders = await foldersOf(config)
  const app = await compose({ config, folders, onFault: (error) => terminal.notice(String(error)) })
  const { model, temperature, maxTokens } = options
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
    const request = {
      model,
      messages,
      sampling: { temperature },
      stop: [],
      isStreamed: true,
      maxTokens,
      conversation: app.keeps(LOCAL_OWNER) ? { owner: LOCAL_OWNER } : undefined,
    }
    for await (const chunk of app.manager.infer(request, signal)) if (chunk.type === 'text') yield chunk.text
  } finally {
    await app.close(0)
  }
}
