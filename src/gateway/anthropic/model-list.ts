import { z } from 'zod'
import type { ManagerService } from '../../spec/admin.ts'
import { checkBody, invalid } from '../check-body.ts'

type Listed = Awaited<ReturnType<ManagerService['models']>>[number]

const DEFAULT_LIMIT = 20
const MOST_AT_ONCE = 1_000
const allowed = `must be a whole number from 1 to ${MOST_AT_ONCE}`

const listQuery = z.looseObject({
  limit: z.coerce.number(allowed).int(allowed).min(1, allowed).max(MOST_AT_ONCE, allowed).default(DEFAULT_LIMIT),
  after_id: z.string('must be given once').optional(),
  before_id: z.string('must be given once').optional(),
})

/**
 * A page of `GET /v1/models` (https://docs.anthropic.com/en/api/models-list): the first `limit` models, those right behind
 * `after_id`, or those right before `before_id`. Throws `invalid-request`.
 */
export function encodeModelPage(models: readonly Listed[], query: unknown): object {
  const { limit, after_id: after, before_id: before } = checkBody(listQuery, query)
  if (after !== undefined && before !== undefined) {
    throw invalid('before_id: leave it out where after_id is given.', 'before_id')
  }
  const from = after === undefined ? 0 : placeOf(models, after, 'after_id') + 1
  const to = before === undefined ? models.length : placeOf(models, before, 'before_id')
  const page = before === undefined ? models.slice(from, from + limit) : models.slice(Math.max(0, to - limit), to)
  return {
    data: page.map(encodeModel),
    has_more: page.length < to - from,
    first_id: page[0]?.id ?? null,
    last_id: page.at(-1)?.id ?? null,
  }
}

/** A local model has no name beside its id, may write until its window is full, and nobody withdraws it. */
export function encodeModel({ id, createdAtMs, contextTokens }: Listed): object {
  return {
    type: 'model',
    id,
    display_name: id,
    created_at: new Date(createdAtMs).toISOString(),
    max_input_tokens: contextTokens,
    max_tokens: contextTokens,
    lifecycle: 'active',
    deprecated_at: null,
    retires_at: null,
  }
}

function placeOf(models: readonly Listed[], id: string, param: string): number {
  const place = models.findIndex((model) => model.id === id)
  if (place !== -1) return place
  throw invalid(`${param}: '${id.slice(0, 100)}' is none of the models that are listed. Begin again without it.`, param)
}
