import { type AnswerWish, scriptAnswer } from './answer-script.ts'
import {
  CHAT_FORM,
  endReply,
  GENERATE_FORM,
  loadReply,
  metricsOf,
  pieceReply,
  type ReplyForm,
  type ReplySetting,
} from './answer-replies.ts'
import { checkCapabilities, checkLocal, isThinking } from './capabilities.ts'
import type { FakeEngine } from './engine.ts'
import { type AnswerPiece, writeAnswer } from './generation.ts'
import { readKeepAliveMs } from './keep-alive.ts'
import { type FakeCapability, type FakeModel, shortName } from './models.ts'
import { chatTokens, type FakeMessage, fitted, fittingChat, type PromptFit } from './prompt.ts'
import { Refusal } from './refusal.ts'
import { line, type Reply, whole } from './reply.ts'

type Body = Readonly<Record<string, unknown>>

/** What the two routes do differently. */
interface AnswerKind {
  readonly verb: 'generate' | 'chat'
  readonly form: ReplyForm
  readonly isEmpty: boolean
  readonly capabilities: readonly FakeCapability[]
  readonly wish: Omit<AnswerWish, 'isThinking' | 'format'>
  readonly isWithContext: boolean
  prompt(fit: PromptFit): string[]
}

/** `POST /api/generate`: continues a prompt; an empty one loads, and unloads with `keep_alive: 0`. */
export async function* generateRoute(engine: FakeEngine, body: Body, signal: AbortSignal): Reply {
  const isRaw = body['raw'] === true
  const context = (body['context'] as readonly number[] | undefined) ?? []
  const text = (body['prompt'] as string | undefined) ?? ''
  const suffix = (body['suffix'] as string | undefined) ?? ''
  const images = (body['images'] as readonly string[] | undefined) ?? []
  const system = body['system'] as string | undefined
  const model = findModel(engine, body)
  const prompt = (fit: PromptFit): string[] => {
    const asked = { role: 'user', content: text + suffix, images }
    const said = system ?? model.system
    const messages: FakeMessage[] = said ? [{ role: 'system', content: said }, asked] : [asked]
    const tokens = isRaw ? engine.tokenize(text) : chatTokens(messages, [])
    return fitted([...engine.vocabulary.tokensOf(context), ...tokens], fit, engine.counters)
  }
  const kind: AnswerKind = {
    verb: 'generate',
    form: GENERATE_FORM,
    isEmpty: text === '',
    capabilities: [...(suffix === '' ? [] : ['insert' as const]), ...(images.length > 0 ? ['vision' as const] : [])],
    wish: { text, hasTools: false },
    isWithContext: !isRaw,
    prompt,
  }
  const isFilled = Boolean(body['template']) || Boolean(system) || context.length > 0
  const refusal =
    isRaw && isFilled ? new Refusal(400, 'raw mode does not support template, system, or context') : undefined
  yield* answer(engine, { model, body, signal, kind, refusal })
}

/** `POST /api/chat`: answers a conversation; an empty one loads, and unloads with `keep_alive: 0`. */
export async function* chatRoute(engine: FakeEngine, body: Body, signal: AbortSignal): Reply {
  const messages = (body['messages'] as readonly FakeMessage[] | undefined) ?? []
  const tools = (body['tools'] as readonly unknown[] | undefined) ?? []
  if (body['model'] === undefined || body['model'] === '') throw new Refusal(400, 'model is required')
  const model = findModel(engine, body)
  const isSeeing = messages.some(({ images }) => images && images.length > 0)
  const isSystemSaid = messages[0]?.role === 'system' || !model.system
  const said = isSystemSaid ? messages : [{ role: 'system', content: model.system }, ...messages]
  const kind: AnswerKind = {
    verb: 'chat',
    form: CHAT_FORM,
    isEmpty: messages.length === 0,
    capabilities: [...(tools.length > 0 ? ['tools' as const] : []), ...(isSeeing ? ['vision' as const] : [])],
    wish: { text: messages.at(-1)?.content ?? '', hasTools: tools.length > 0 },
    isWithContext: false,
    prompt: (fit) => fittingChat(said, tools, fit, engine.counters),
  }
  yield* answer(engine, { model, body, signal, kind, refusal: undefined })
}

interface AnswerCall {
  readonly model: FakeModel
  readonly body: Body
  readonly signal: AbortSignal
  readonly kind: AnswerKind
  /** What is wrong with the request, told after an unload, which asks for nothing else. */
  readonly refusal: Refusal | undefined
}

async function* answer(engine: FakeEngine, { model, body, signal, kind, refusal }: AnswerCall): Reply {
  const asked = (body['model'] as string | undefined) ?? ''
  const startMs = engine.clock.nowMs()
  const setting = replySetting(engine, asked, kind.form, body)
  checkLocal(model)
  const keepAliveMs = readKeepAliveMs(body['keep_alive'])
  if (kind.isEmpty && keepAliveMs === 0) {
    engine.scheduler.expire(model)
    yield whole(loadReply(setting, 'unload'))
    return
  }
  if (refusal) throw refusal
  const thinks = isThinking(model, asked, body['think'], engine.age)
  checkCapabilities(model, asked, kind.verb, kind.capabilities)
  const { lease, run: options } = await engine.acquire(model, body, signal)
  const loadMs = engine.clock.nowMs() - startMs
  try {
    if (kind.isEmpty) {
      yield whole(loadReply(setting, 'load'))
      return
    }
    const isShifting = engine.isShifting(model, body['shift'])
    const prompt = kind.prompt({
      age: engine.age,
      numCtxTokens: lease.runner.signature.options.numCtxTokens,
      numKeepTokens: options.numKeepTokens,
      isCutting: body['truncate'] !== false,
      isShifting,
    })
    const script = scriptAnswer({ ...kind.wish, isThinking: thinks, format: body['format'] }, engine.knobs)
    const pieces: AnswerPiece[] = []
    const isStream = body['stream'] !== false
    const quietEnd = isStream ? engine.knobs.quietEnds.get(shortName(model.name)) : undefined
    for await (const part of writeAnswer(
      { runner: lease.runner, prompt, script, options, isShifting, signal },
      engine,
    )) {
      if (!('reason' in part)) {
        pieces.push(part)
        if (isStream) yield line(pieceReply(part, setting))
        if (pieces.length === quietEnd) return
        continue
      }
      const { promptTokenNs, answerTokenNs } = engine.knobs
      const metrics = metricsOf(part, {
        waitedMs: engine.clock.nowMs() - startMs,
        loadMs,
        promptTokenNs,
        answerTokenNs,
      })
      const context = kind.isWithContext ? engine.vocabulary.numbersOf([...prompt, ...part.answer]) : undefined
      const end = endReply(setting, { ...(context && { context }), ...metrics }, isStream ? [] : pieces)
      yield isStream ? line(end) : whole(end)
    }
  } finally {
    lease.release()
  }
}

function replySetting(engine: FakeEngine, asked: string, form: ReplyForm, body: Body): ReplySetting {
  const top = (body['top_logprobs'] as number | undefined) ?? 0
  return { asked, form, createdAt: engine.createdAt, topLogprobs: body['logprobs'] === true ? top : undefined }
}

function findModel(engine: FakeEngine, body: Body): FakeModel {
  const top = (body['top_logprobs'] as number | undefined) ?? 0
  if (top < 0 || top > 20) throw new Refusal(400, 'top_logprobs must be between 0 and 20')
  return engine.store.find((body['model'] as string | undefined) ?? '')
}
