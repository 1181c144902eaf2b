import { readEnvironment } from '../../config/environment.ts'
import type { EngineListing } from '../../spec/engine-packages.ts'
import { resourceError } from '../../spec/errors.ts'
import { formatBytes } from '../../spec/units.ts'
import type { Context } from '../context.ts'
import { progressBar } from '../progress-bar.ts'
import { table } from '../terminal.ts'

export async function engineListVerb({ config, terminal }: Context): Promise<void> {
  const { listEnginesOf } = await import('../../app/engine-packages.ts')
  const engines = await listEnginesOf(config)
  const rows = engines.map((engine) => [engine.backend, engine.state, sizeText(engine), engine.packages.join(' ')])
  const leftovers = engines.flatMap(({ backend, leftoverBytes }) =>
    leftoverBytes > 0
      ? [
          `${formatBytes(leftoverBytes)} of ${backend} are left from another version; \`grym engine remove ${backend}\` deletes them.`,
        ]
      : [],
  )
  const none = `llama.cpp has no engine for ${process.platform}-${process.arch}.`
  const words =
    rows.length > 0 ? [table(['BACKEND', 'STATE', 'SIZE', 'PACKAGES'], rows), ...leftovers].join('\n') : none
  terminal.result({ engines }, words)
}

function sizeText({ sizeBytes, downloadBytes }: EngineListing): string {
  if (downloadBytes === 0) return formatBytes(sizeBytes)
  return `${formatBytes(sizeBytes)} (${formatBytes(downloadBytes)} to download)`
}

export async function engineInstallVerb({ config, terminal, signal }: Context, name: string): Promise<void> {
  const { foldersOf } = await import('../../app/compose.ts')
  const { installEngine } = await import('../../app/engine-install.ts')
  const { backend, isNew, registryHost } = await installEngine(name, config, await foldersOf(config), {
    env: readEnvironment(),
    signal,
    onProgress: ({ step, packageName, ...progress }) =>
      terminal.progress(`${step === 'downloading' ? progressBar(progress) : step} ${packageName}`),
  }).finally(() => terminal.progressOver())
  const words = isNew
    ? `${backend} is here, from ${registryHost}. Engines that start from now on find it; a running daemon needs no restart.`
    : `${backend} is here already.`
  terminal.result({ backend, installed: isNew }, words)
}

export async function engineRemoveVerb({ config, terminal }: Context, name: string): Promise<void> {
  const { foldersOf } = await import('../../app/compose.ts')
  const { removeEngine } = await import('../../app/engine-install.ts')
  const { listEnginesOf } = await import('../../app/engine-packages.ts')
  const folders = await foldersOf(config)
  const freedBytes = await removeEngine(name, folders)
  const left = (await listEnginesOf(folders)).find(({ backend }) => backend === name)
  if (left?.state === 'npm') {
    const message = `${name} was installed by npm, and not by grym: \`npm uninstall ${left.packages.join(' ')}\` removes it.`
    throw resourceError('invalid-request', message)
  }
  if (freedBytes === 0) {
    throw resourceError('invalid-request', `${name} is not installed here. \`grym engine list\` shows what is.`)
  }
  const words = `${name} is gone: ${formatBytes(freedBytes)}. Engines that run on it go on until they end.`
  terminal.result({ backend: name, freedBytes }, words)
}
