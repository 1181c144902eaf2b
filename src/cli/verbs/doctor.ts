import { access, constants, statfs } from 'node:fs/promises'
import type { Platform } from '../../spec/model.ts'
import { resourceError, toErrorData } from '../../spec/errors.ts'
import { formatBytes } from '../../spec/units.ts'
import type { OpenModels } from '../../app/open-models.ts'
import type { Context } from '../context.ts'
import { engineText } from '../engine-text.ts'
import { gpuText } from '../gpu-text.ts'
import { keptText } from '../kept-text.ts'
import { ollamaText } from '../ollama-text.ts'

interface Finding {
  readonly check: string
  readonly level: 'ok' | 'warn' | 'fail'
  readonly note: string
}

/** Below this a model download is likely to fail. */
const LOW_DISK_BYTES = 1_000_000_000

/** Looks at everything that a first run needs, and says what to do about what is missing. */
export async function doctorVerb(context: Context): Promise<void> {
  const findings: Finding[] = []
  for (const check of CHECKS) findings.push(await check(context))
  const signs = { ok: 'ok  ', warn: 'warn', fail: 'FAIL' }
  const words = findings.map(({ check, level, note }) => `${signs[level]}  ${check}: ${note}`).join('\n')
  context.terminal.result({ findings }, words)
  const failed = findings.filter(({ level }) => level === 'fail')
  if (failed.length > 0)
    throw resourceError('engine-error', `${failed.length} of ${findings.length} checks failed; see above.`)
}

type Check = (context: Context) => Promise<Finding>

const CHECKS: readonly Check[] = [
  checkNode,
  checkEngine,
  checkConfig,
  checkHome,
  checkDisk,
  checkModels,
  checkOllama,
  checkEngines,
  checkMemory,
  checkGpus,
  checkConversations,
  checkDaemon,
]

async function checkNode(): Promise<Finding> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const isNew = major > 22 || (major === 22 && minor >= 18)
  const note = `${process.versions.node}${isNew ? '' : '; grym needs 22.18 or newer'}`
  return { check: 'Node', level: isNew ? 'ok' : 'fail', note }
}

async function checkEngine({ config }: Context): Promise<Finding> {
  const { installedBackendsOf, listEnginesOf } = await import('../../app/engine-packages.ts')
  const { chooseBackend } = await import('../../app/gpu-backend.ts')
  const { createGpuMeter } = await import('../../app/gpus.ts')
  const [engines, gpus] = await Promise.all([listEnginesOf(config), createGpuMeter(config).read()])
  const used = chooseBackend(config.gpu, await installedBackendsOf(config), gpus)
  const { isUsable, note } = engineText(engines, gpus, used, `${process.platform}-${process.arch}`)
  return { check: 'engine', level: isUsable ? 'ok' : 'fail', note }
}

async function checkConfig({ config }: Context): Promise<Finding> {
  return { check: 'configuration', level: 'ok', note: config.configFile ?? 'no grym.yaml; defaults' }
}

async function checkConversations({ config }: Context): Promise<Finding> {
  const { foldersOf } = await import('../../app/compose.ts')
  const { openConversations, openHistory } = await import('../../app/open-state.ts')
  try {
    const folders = await foldersOf(config)
    for (const open of [openConversations, openHistory]) (await open(config, folders)).close()
  } catch (error) {
    return { check: 'conversations', level: 'fail', note: toErrorData(error).message }
  }
  return { check: 'conversations', level: 'ok', note: keptText(config) }
}

async function checkHome({ config }: Context): Promise<Finding> {
  const { foldersOf } = await import('../../app/compose.ts')
  try {
    const { home } = await foldersOf(config)
    await access(home, constants.W_OK)
    return { check: 'state folder', level: 'ok', note: home }
  } catch (error) {
    return {
      check: 'state folder',
      level: 'fail',
      note: `${toErrorData(error).message} Set GRYM_HOME to a folder of yours.`,
    }
  }
}

async function checkDisk({ config }: Context): Promise<Finding> {
  const { foldersOf } = await import('../../app/compose.ts')
  const { home } = await foldersOf(config)
  const { bavail, bsize } = await statfs(home)
  const freeBytes = bavail * bsize
  const note = `${formatBytes(freeBytes)} free`
  if (freeBytes >= LOW_DISK_BYTES) return { check: 'disk', level: 'ok', note }
  return { check: 'disk', level: 'warn', note: `${note}. Free space, or set GRYM_MODELS to another disk.` }
}

async function checkModels({ config }: Context): Promise<Finding> {
  const { withModels } = await import('../../app/open-models.ts')
  const ids = await withModels(config, async ({ catalog }) => (await catalog.list()).map(({ id }) => id))
  if (ids.length === 0) return { check: 'models', level: 'warn', note: 'none yet. Run `grym pull smollm2`.' }
  return {
    check: 'models',
    level: 'ok',
    note: ids.slice(0, 10).join(', ') + (ids.length > 10 ? `, and ${ids.length - 10} more` : ''),
  }
}

async function checkOllama({ config }: Context): Promise<Finding> {
  if (config.ollamaFolders.length === 0)
    return { check: "Ollama's files", level: 'ok', note: 'left out by models.ollama' }
  const { foldersOf, openCatalog } = await import('../../app/compose.ts')
  const { catalog } = await openCatalog(config, await foldersOf(config))
  const { isWhole, note } = ollamaText(await catalog.ollama())
  return { check: "Ollama's files", level: isWhole ? 'ok' : 'warn', note }
}

/** Engines that run apart from grym: where they are asked, and what they answer. */
async function checkEngines({ config }: Context): Promise<Finding> {
  const { withModels } = await import('../../app/open-models.ts')
  const look = async ({ catalog }: OpenModels) => ({ listed: await catalog.list(), faults: catalog.faults() })
  const { listed, faults } = await withModels(config, look)
  const countOf = (wanted: Platform): number => listed.filter(({ platform }) => platform === wanted).length
  const { ollama, lmStudio } = config.engines
  const notes = [
    serverText('Ollama', ollama?.url, countOf('ollama'), faults),
    serverText('LM Studio', lmStudio?.url, countOf('lmstudio'), faults),
    await llamaServerText(config),
    `${Object.keys(config.servers.entries).length} configured under \`servers\``,
  ]
  const isWhole = faults.length === 0
  return { check: 'other engines', level: isWhole ? 'ok' : 'warn', note: notes.join('; ') }
}

function serverText(name: string, url: string | undefined, count: number, faults: readonly string[]): string {
  if (url === undefined) return `${name} is not asked`
  if (count > 0) return `${name} at ${url} has ${count} ${count === 1 ? 'model' : 'models'}`
  return faults.find((fault) => fault.includes(url)) ?? `${name}: nobody at ${url}, or no models there`
}

async function llamaServerText({ engines }: Context['config']): Promise<string> {
  const { findLlamaServer } = await import('../../app/llama-server-binary.ts')
  return findLlamaServer(engines).then(
    (path) => `llama-server is ${path}`,
    (error: unknown) => toErrorData(error).message,
  )
}

async function checkMemory({ config }: Context): Promise<Finding> {
  const { createGpuMeter } = await import('../../app/gpus.ts')
  const { createMemoryMeter } = await import('../../app/memory.ts')
  const { pressureSources } = await createMemoryMeter(createGpuMeter(config), () => false).read(0)
  const notes = pressureSources.filter(({ name }) => !name.startsWith('gpu')).map(({ note }) => note)
  return { check: 'memory', level: 'ok', note: notes.join('; ') }
}

async function checkGpus({ config }: Context): Promise<Finding> {
  const { createGpuMeter } = await import('../../app/gpus.ts')
  const meter = createGpuMeter(config)
  const found = (await meter.read()).map(gpuText)
  const faults = meter.faults.map(({ source, why }) => `${source} could not read its GPUs: ${why}`)
  const note = [...found, ...faults].join('; ')
  return { check: 'GPUs', level: faults.length > 0 ? 'warn' : 'ok', note: note || 'none found; models run on the CPU' }
}

async function checkDaemon(context: Context): Promise<Finding> {
  const client = await context.runningClient()
  if (client) return { check: 'daemon', level: 'ok', note: `running at ${client.url}` }
  return { check: 'daemon', level: 'ok', note: 'not running; `grym serve` starts one' }
}
