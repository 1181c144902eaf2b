import { resourceError } from '../../../spec/errors.ts'
import type { HttpSource } from '../../../system/http-source.ts'
import type { RemoteBytes } from '../../../system/part-file.ts'
import { type NpmRegistry, PUBLIC_REGISTRY_URL } from './npm-config.ts'
import type { EnginePackage } from './package-table.ts'

/** Largest description of a package that is read; those of the engine's take about 40 kB. */
const MAX_DESCRIPTION_BYTES = 10_000_000

/** Where a registry has a package's tarball. Throws `download-failed`. */
export async function findTarball(
  http: HttpSource,
  registry: NpmRegistry,
  { name, tarballBytes, integrity }: EnginePackage,
  version: string,
  signal: AbortSignal,
): Promise<RemoteBytes> {
  const secretHeaders = registry.authorization === undefined ? undefined : { authorization: registry.authorization }
  const response = await http.get({
    url: registry.url + name.replace('/', '%2f'),
    // The short form, which npm itself installs from; registries that do not know it send the long one.
    headers: { accept: 'application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8' },
    signal,
    ...(secretHeaders && { secretHeaders }),
  })
  const { host } = new URL(registry.url)
  const tarball = tarballOf(await readDescription(response, host), version)
  if (tarball === undefined) {
    throw resourceError(
      'download-failed',
      `${host} does not have ${name} ${version}. Check npm's setting \`registry\`.`,
    )
  }
  const url = throughRegistry(new URL(tarball, registry.url), registry)
  return {
    url: url.href,
    lengthBytes: tarballBytes,
    identity: integrity,
    // Named by the registry's own answer, the tarball may lie on another host, and that one is told nothing.
    ...(secretHeaders && url.host === host && { secretHeaders }),
  }
}

async function readDescription(response: Awaited<ReturnType<HttpSource['get']>>, host: string): Promise<unknown> {
  const chunks: Uint8Array[] = []
  let receivedBytes = 0
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    receivedBytes += chunk.length
    if (receivedBytes > MAX_DESCRIPTION_BYTES) {
      throw resourceError('download-failed', `${host} sent an absurdly long description of the package.`)
    }
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch (error) {
    throw resourceError('download-failed', `${host} is no npm registry: it did not answer in JSON.`, { cause: error })
  }
}

function tarballOf(description: unknown, version: string): string | undefined {
  const { versions } = description as { versions?: Readonly<Record<string, { dist?: { tarball?: unknown } }>> }
  const tarball = versions?.[version]?.dist?.tarball
  return typeof tarball === 'string' && URL.canParse(tarball) ? tarball : undefined
}

/** A mirror may pass on the public registry's addresses; npm asks the mirror all the same (`replace-registry-host`). */
function throughRegistry(tarball: URL, registry: NpmRegistry): URL {
  if (tarball.host !== new URL(PUBLIC_REGISTRY_URL).host) return tarball
  return new URL(registry.url.slice(0, -1) + tarball.pathname + tarball.search)
}
