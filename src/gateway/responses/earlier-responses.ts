import type { OwnerId } from '../../spec/owner-id.ts'
import { resourceError } from '../../spec/errors.ts'
import type { ResponseArchive, StoredResponse } from '../../spec/stored-responses.ts'
import { invalid } from '../check-body.ts'
import { type InputItem, readItems } from './input-item.ts'
import { responseOfItem } from './response-ids.ts'

/** What a request reaches of the responses before it: those of its own key. */
export class EarlierResponses {
  readonly #archive: ResponseArchive
  readonly #owner: OwnerId
  readonly #isKeeping: boolean

  /** @param isKeeping are conversations of this owner kept? Where they are not, an error says so. */
  constructor(archive: ResponseArchive, owner: OwnerId, isKeeping: boolean) {
    this.#archive = archive
    this.#owner = owner
    this.#isKeeping = isKeeping
  }

  /** Throws `response-not-found`. */
  find(id: string): StoredResponse {
    return this.#archive.find(this.#owner, id) ?? this.#refuse(id, null)
  }

  /** Throws `response-not-found`. */
  delete(id: string): void {
    if (!this.#archive.delete(this.#owner, id)) this.#refuse(id, null)
  }

  /**
   * What was said up to the end of this response, oldest first; its instructions are not carried over, as the API has
   * it. Throws `response-not-found`, also where only a part of the way is left: an answer to half a conversation would be
   * a wrong one.
   */
  itemsUpTo(id: string | undefined): readonly InputItem[] {
    if (id === undefined) return []
    const chain = this.#archive.chain(this.#owner, id)
    const [oldest] = chain
    if (!oldest) return this.#refuse(id, 'previous_response_id')
    if (oldest.previousId !== null) {
      const message = `Response '${id.slice(0, 100)}' continues '${oldest.previousId.slice(0, 100)}', which is not kept any more. Send the whole conversation as input.`
      throw resourceError('response-not-found', message, { details: { param: 'previous_response_id' } })
    }
    return chain.flatMap((response) => itemsOf(response))
  }

  /**
   * The items themselves where they are only named. Each is named once, as the API has it: a short list of names could
   * otherwise stand for more text than was ever kept. Throws `response-not-found`, `invalid-request`.
   */
  resolve(items: readonly InputItem[]): readonly InputItem[] {
    const known = new Map<string, ReadonlyMap<string, InputItem>>()
    const named = new Set<string>()
    return items.map((item) => {
      if (item.type !== 'item_reference') return item
      const id = item.id ?? ''
      if (named.has(id)) throw invalid(`input: item '${id.slice(0, 100)}' is named twice. Name it once.`, 'input')
      named.add(id)
      return this.#referred(id, known)
    })
  }

  /** @param known items by their ids, of the responses that were read already, so that each is read once. */
  #referred(id: string, known: Map<string, ReadonlyMap<string, InputItem>>): InputItem {
    const responseId = responseOfItem(id)
    if (responseId === undefined) return this.#refuse(id, 'input')
    const items = known.get(responseId) ?? this.#itemsById(responseId)
    known.set(responseId, items)
    return items.get(id) ?? this.#refuse(id, 'input')
  }

  #itemsById(responseId: string): ReadonlyMap<string, InputItem> {
    const response = this.#archive.find(this.#owner, responseId)
    return new Map(response ? itemsOf(response).map((item) => [item.id ?? '', item]) : [])
  }

  #refuse(id: string, param: string | null): never {
    const shown = `'${id.slice(0, 100)}'`
    const why = this.#isKeeping
      ? 'it was never kept (store: false), was deleted, or went with its conversation'
      : 'nothing is kept of what this key says (conversations.keep, conversations.exceptKeys or X-Grym-No-Store)'
    const what = param === 'input' ? 'item' : 'response'
    const message = `There is no ${what} ${shown} here: ${why}. Send the whole conversation as input instead.`
    throw resourceError('response-not-found', message, { details: { param } })
  }
}

function itemsOf({ input, response }: StoredResponse): readonly InputItem[] {
  const { output } = response as { readonly output: readonly unknown[] }
  return [...readItems(input), ...readItems(output)]
}
