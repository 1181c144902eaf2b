import type { ChatImage } from '../../spec/chat.ts'
import { invalid } from '../check-body.ts'

/**
 * A picture that comes within the request: grym fetches nothing from addresses that a request names. Throws
 * `invalid-request`.
 *
 * @param where the place in the body, for a person; `param` the field, for a program.
 */
export function decodeInlineImage(url: string, where: string, param: string): ChatImage {
  const [, mimeType, base64] = /^data:(image\/[\w.+-]+);base64,([A-Za-z0-9+/=\s]+)$/.exec(url) ?? []
  if (mimeType !== undefined && base64 !== undefined) return { mimeType, base64 }
  throw invalid(`${where}: a picture is sent within the request, as data:image/png;base64,…`, param)
}
