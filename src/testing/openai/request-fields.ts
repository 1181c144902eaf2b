import type { AnswerWish, OfferedTool } from '../answering/answer-script.ts'

/** A body in OpenAI's dialect, not looked at yet. */
export type Body = Readonly<Record<string, unknown>>

/** The tools that are offered; others than functions are left out. */
export function readTools(tools: unknown): OfferedTool[] {
  if (!Array.isArray(tools)) return []
  return (tools as unknown[]).flatMap((tool) => {
    const written = isObject(tool) ? tool['function'] : undefined
    if (!isObject(written) || typeof written['name'] !== 'string') return []
    return [{ name: written['name'], parameters: written['parameters'] }]
  })
}

/** Field `response_format`. */
export function readFormat(format: unknown): AnswerWish['format'] {
  if (!isObject(format)) return undefined
  if (format['type'] === 'json_object') {
    return isObject(format['schema']) ? { schema: format['schema'] } : 'json'
  }
  if (format['type'] !== 'json_schema') return undefined
  const wrapper = format['json_schema']
  return { schema: (isObject(wrapper) ? wrapper['schema'] : undefined) ?? { type: 'object' } }
}

/** Field `stop`: a text or texts. */
export function readStops(stop: unknown): string[] {
  if (typeof stop === 'string') return [stop]
  return Array.isArray(stop) ? (stop as unknown[]).filter((each) => typeof each === 'string') : []
}

/** The seed of an answer: `undefined` where it is greedy, else the one given, else the next one. */
export function readSeed(body: Body, next: () => number): number | undefined {
  if (body['temperature'] === 0 || body['top_k'] === 1) return undefined
  const seed = body['seed']
  return typeof seed === 'number' && seed >= 0 ? seed : next()
}

/** The first of the fields that is a whole number; `undefined` where none is, or it is −1: no limit. */
export function readCount(body: Body, ...names: readonly string[]): number | undefined {
  const value = names.map((name) => body[name]).find((each) => typeof each === 'number' && Number.isInteger(each))
  return value === undefined || (value as number) < 0 ? undefined : (value as number)
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
