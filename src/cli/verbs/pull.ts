import type { Context } from '../context.ts'
import { progressBar } from '../progress-bar.ts'

export async function pullVerb({ config, terminal, signal }: Context, model: string): Promise<void> {
  const { foldersOf, openCatalog } = await import('../../app/compose.ts')
  const { fetchModel } = await import('../../app/fetch-model.ts')
  const folders = await foldersOf(config)
  const { catalog } = await openCatalog(config, folders)
  const here = (await catalog.list()).find(({ id }) => id === model)
  if (here) {
    const { path } = await catalog.describe(model)
    return terminal.result({ model, path, pulled: false }, `${model} is here already: ${path}`)
  }
  const { path, source } = await fetchModel(model, config, folders, {
    signal,
    onProgress: (progress) => terminal.progress(`${progressBar(progress)} ${progress.source}`),
    onSourceFailed: (name, error) => {
      terminal.progressOver()
      terminal.notice(`${name} did not work: ${error.message} Trying the next source.`)
    },
  })
  terminal.progressOver()
  terminal.result({ model, path, source, pulled: true }, `${model} is here, from ${source}: ${path}`)
}
