import { resourceError } from '../spec/errors.ts'
import type { HttpSource } from '../system/http-source.ts'
import type { RemoteBytes } from '../system/part-file.ts'

/** `hf:owner/repo/path/file.gguf`, or `hf:owner/repo:QUANT` for the file of that quantisation. */
export interface HfReference {
  readonly repository: string
  readonly file: string | undefined
  readonly quantization: string | undefined
}

export interface HfAccess {
  readonly endpoint: string
  /** Sent to the endpoint's own host only. */
  readonly token?: string | undefined
}

const NAME = '[A-Za-z0-9][A-Za-z0-9._-]*'

/** Reads a reference; throws `invalid-request` when it is none. */
export function parseHfReference(text: string): HfReference {
  const match = new RegExp(`^hf:(${NAME}/${NAME})(?:/((?:${NAME}/)*${NAME}\\.gguf)|:(${NAME}))?$`, 'i').exec(text)
  if (!match?.[1]) {
    const message = `'${text}' is no reference. Write hf:owner/repository/file.gguf or hf:owner/repository:Q4_K_M.`
    throw resourceError('invalid-request', message)
  }
  return { repository: match[1], file: match[2], quantization: match[3] }
}

/** Asks the hub for the file's address, size and, where it tells one, its SHA-256. */
export async function findHfFile(
  http: HttpSource,
  reference: HfReference,
  access: HfAccess,
  signal: AbortSignal,
): Promise<RemoteBytes & { readonly fileName: string; readonly sha256: string | undefined }> {
  const endpoint = access.endpoint.replace(/\/+$/, '')
  const secretHeaders = access.token ? { authorization: `Bearer ${access.token}` } : {}
  const url = `${endpoint}/api/models/${reference.repository}/tree/main?recursive=true`
  const response = await http.get({ url, secretHeaders, signal })
  const files = (await response.json()) as readonly HfFile[]
  const file = chooseFile(Array.isArray(files) ? files : [], reference)
  return {
    url: `${endpoint}/${reference.repository}/resolve/main/${file.path}`,
    secretHeaders,
    lengthBytes: file.lfs?.size ?? file.size,
    identity: file.lfs?.oid ?? `${reference.repository}/${file.path}`,
    fileName: file.path.slice(file.path.lastIndexOf('/') + 1),
    sha256: file.lfs?.oid,
  }
}

interface HfFile {
  readonly type: string
  readonly path: string
  readonly size: number
  /** Large files: `oid` is their SHA-256. */
  readonly lfs?: { readonly oid: string; readonly size: number }
}

function chooseFile(files: readonly HfFile[], { repository, file, quantization }: HfReference): HfFile {
  const models = files.filter(
    ({ type, path }) => type === 'file' && /^[\w./-]+\.gguf$/i.test(path) && !path.includes('..'),
  )
  const fits = ({ path }: HfFile): boolean => {
    if (file !== undefined) return path === file
    const pattern = quantization === undefined ? /q4_k_m/i : new RegExp(quantization.replaceAll('.', '\\.'), 'i')
    return pattern.test(path)
  }
  const chosen = models.find(fits) ?? (file === undefined && quantization === undefined ? models[0] : undefined)
  if (chosen) return chosen
  const names = models.slice(0, 8).map(({ path }) => path)
  const has = names.length > 0 ? ` It has: ${names.join(', ')}.` : ' It has no GGUF files.'
  throw resourceError('download-failed', `${repository} does not have ${file ?? quantization ?? 'a GGUF file'}.${has}`)
}
