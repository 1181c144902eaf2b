/*
 * Part of `npm run build`, after tsc: writes the engine's worker into `dist` as one bundle with the JavaScript of
 * node-llama-cpp in it. A user's install then needs the binaries of its platform alone: node-llama-cpp itself would
 * bring 600 MB of CUDA and Vulkan, and tools that compile (see docs/decisions/0007-engines-are-installed-apart.md).
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type InputOptions, type Plugin, rolldown } from 'rolldown'
import { thirdPartyNotices } from './third-party-notices.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const ENGINE = join(ROOT, 'node_modules/node-llama-cpp')
const WORKER = 'providers/embedded/worker'
const TARGET = join(ROOT, 'dist', WORKER)
/** node-llama-cpp runs this file in a process of its own to try a binary, and looks at its name: it stays a file. */
const BINARY_TEST = 'testBindingBinary'

function versionOf(folder: string): string {
  return (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }).version
}

function releaseOf(folder: string): string {
  const text = readFileSync(join(folder, 'llama/binariesGithubRelease.json'), 'utf8')
  return (JSON.parse(text) as { release: string }).release
}

/** Modules of node-llama-cpp that read files of its package, which is not there: what they read is written in. */
const READERS: ReadonlyMap<string, string> = new Map([
  [
    join(ENGINE, 'dist/utils/getModuleVersion.js'),
    `export async function getModuleVersion() { return ${JSON.stringify(versionOf(ENGINE))} }`,
  ],
  [
    join(ENGINE, 'dist/bindings/utils/binariesGithubRelease.js'),
    `export const builtinLlamaCppRelease = ${JSON.stringify(releaseOf(ENGINE))}
     export const defaultLlamaCppRelease = builtinLlamaCppRelease
     export const getBinariesGithubRelease = async () => builtinLlamaCppRelease`,
  ],
])

/** What downloads and clones: the worker is told never to do either, and they would bring native modules of their own. */
const UNUSED: ReadonlyMap<string, readonly string[]> = new Map([
  ['ipull', ['downloadFile', 'downloadSequence', 'DownloadStatus']],
  ['simple-git', ['simpleGit']],
])

function engineParts(replaced: Set<string>): Plugin {
  return {
    name: 'engine-parts',
    resolveId(source, importer) {
      if (UNUSED.has(source)) return `\0unused:${source}`
      if (importer?.startsWith(ENGINE) && source.endsWith(`/${BINARY_TEST}.js`)) {
        return { id: `./${BINARY_TEST}.js`, external: true }
      }
      return null
    },
    load(id) {
      const reader = READERS.get(id)
      if (reader !== undefined) {
        replaced.add(id)
        return reader
      }
      const unused = id.startsWith('\0unused:') ? id.slice('\0unused:'.length) : undefined
      if (unused === undefined) return null
      const names = UNUSED.get(unused) ?? []
      return `function unused() { throw new Error('${unused} is not part of grym') }
        export { ${names.map((name) => `unused as ${name}`).join(', ')} }`
    },
  }
}

/** Bundles one entry; returns the modules that are in it, by path. */
async function bundle(name: string, input: string, replaced: Set<string>): Promise<string[]> {
  const options: InputOptions = {
    input: { [name]: input },
    platform: 'node',
    // The oldest Node of users: it does not know `using`.
    transform: { target: 'node22' },
    external: [/^@node-llama-cpp\//, 'electron'],
    plugins: [engineParts(replaced)],
  }
  await using build = await rolldown(options)
  const { output } = await build.write({ dir: TARGET, entryFileNames: '[name].js', chunkFileNames: '[name].js' })
  return output.flatMap((chunk) => {
    if (chunk.type !== 'chunk') return []
    return Object.entries(chunk.modules).flatMap(([path, { renderedLength }]) => (renderedLength > 0 ? [path] : []))
  })
}

const replaced = new Set<string>()
const modules = [
  ...(await bundle('main', join(ROOT, 'src', WORKER, 'main.ts'), replaced)),
  ...(await bundle(BINARY_TEST, join(ENGINE, `dist/bindings/utils/${BINARY_TEST}.js`), replaced)),
]
const missed = [...READERS.keys()].filter((path) => !replaced.has(path))
if (missed.length > 0) throw new Error(`node-llama-cpp has changed: ${missed.join(', ')} is not part of it any more`)
writeFileSync(join(TARGET, 'THIRD-PARTY-NOTICES.txt'), thirdPartyNotices(modules))
