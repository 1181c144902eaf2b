import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ServedManager } from '../../../test/support/served-manager.ts'
import { encodeModelPage } from './model-list.ts'

const models = (count: number): Parameters<typeof encodeModelPage>[0] =>
  Array.from({ length: count }, (_, at) => ({
    ...{ id: `m${at}`, createdAtMs: 1_500, contextTokens: 2_048, sizeBytes: 9 },
    ...{ platform: 'local' as const, capabilities: ['completion'] as const, state: 'ready' as const },
  }))

interface Page {
  readonly data: readonly { readonly id: string }[]
  readonly has_more: boolean
  readonly first_id: string | null
  readonly last_id: string | null
}
const page = (count: number, query: object = {}): Page => encodeModelPage(models(count), query) as Page
const idsOf = ({ data }: Page): string[] => data.map(({ id }) => id)

describe('a page', () => {
  test.each([
    [19, false],
    [20, false],
    [21, true],
  ])('holds 20 of %i where nothing is said', (count, has_more) => {
    expect(page(count)).toMatchObject({ has_more, first_id: 'm0', last_id: `m${Math.min(count, 20) - 1}` })
  })

  test('begins behind a model, or ends before one', () => {
    expect(idsOf(page(9, { after_id: 'm3', limit: '2' }))).toEqual(['m4', 'm5'])
    expect(page(9, { after_id: 'm6', limit: '2' })).toMatchObject({ has_more: false })
    expect(idsOf(page(9, { before_id: 'm3', limit: '2' }))).toEqual(['m1', 'm2'])
    expect(page(9, { before_id: 'm2', limit: '2' })).toMatchObject({ has_more: false, first_id: 'm0', last_id: 'm1' })
    expect(page(9, { after_id: 'm8' })).toEqual({ data: [], has_more: false, first_id: null, last_id: null })
  })

  test('after page, or page before page, every model comes once and in order', () => {
    fc.assert(
      fc.property(fc.nat(30), fc.integer({ min: 1, max: 7 }), fc.boolean(), (count, limit, isForward) => {
        const seen: string[] = []
        let query: object = { limit }
        if (!isForward && count > 0) query = { limit, before_id: `m${count - 1}` }
        for (let isOver = false; !isOver;) {
          const next = page(count, query)
          if (isForward) seen.push(...idsOf(next))
          else seen.unshift(...idsOf(next))
          query = isForward ? { limit, after_id: next.last_id } : { limit, before_id: next.first_id }
          isOver = !next.has_more
        }
        const all = models(count).map(({ id }) => id)
        expect(seen).toEqual(isForward || count === 0 ? all : all.slice(0, -1))
      }),
    )
  })

  test.each([
    [{ limit: '0' }, /^limit: must be a whole number from 1 to 1000/],
    [{ limit: '1001' }, /^limit: /],
    [{ limit: '1.5' }, /^limit: /],
    [{ limit: 'all' }, /^limit: /],
    [{ after_id: 'nobody' }, /^after_id: 'nobody' is none of the models/],
    [{ after_id: 'm1', before_id: 'm2' }, /^before_id: /],
  ])('%j is refused', (query, message) => {
    expect(() => page(3, query)).toThrow(message)
  })

  test.each(['1', '999', '1000'])('%s is a limit', (limit) => {
    expect(page(1, { limit }).data).toHaveLength(1)
  })
})

describe('who sends anthropic-version', () => {
  const headers = { 'anthropic-version': '2023-06-01' }
  const model = (id: string): object => ({
    ...{ type: 'model', id, display_name: id, created_at: '1970-01-01T00:00:01.500Z' },
    ...{ max_input_tokens: 2_048, max_tokens: 2_048, lifecycle: 'active', deprecated_at: null, retires_at: null },
  })

  test('gets lists and models in its own form', async () => {
    await using served = await ServedManager.start()
    const get = async (path: string): Promise<unknown> => (await fetch(`${served.url}${path}`, { headers })).json()
    expect(await get('/v1/models?limit=1')).toEqual({ data: [model('a')], has_more: true, first_id: 'a', last_id: 'a' })
    expect(await get('/v1/models/more/b')).toEqual(model('more/b'))
  })

  test('gets errors in its own form', async () => {
    await using served = await ServedManager.start()
    const unknown = await fetch(`${served.url}/v1/models/unknown`, { headers })
    expect(unknown.status).toBe(404)
    expect(await unknown.json()).toMatchObject({ type: 'error', error: { type: 'not_found_error' } })
  })
})
