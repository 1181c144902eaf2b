import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { stayFor } from '../app/stay-for.ts'
import { packageVersion } from '../app/version.ts'
import { OPTIONS } from '../config/options.ts'
import { resourceError } from '../spec/errors.ts'
import type { RunOptions } from './verbs/run.ts'
import { addCacheVerbs } from './cache-verbs.ts'
import { addConfigVerbs } from './config-verbs.ts'
import { createBareContext, createContext, type Flags } from './context.ts'
import { addEngineVerbs } from './engine-verbs.ts'
import { KEEP_ALIVE_FLAG, KEEP_ALIVE_HELP, type KeepAliveOption, parseKeepAlive } from './keep-alive-option.ts'
import { addKeyVerbs } from './key-verbs.ts'
import { addStateVerbs } from './state-verbs.ts'
import { Terminal } from './terminal.ts'

const interrupted = new AbortController()

/** Makes the command line: verbs, their help and examples. The verbs are imported only when they run. */
export function buildProgram(setExitCode: (code: number) => void): Command {
  const program = new Command('grym')
    .description('Makes the models of one machine feel as if they were all loaded.')
    .version(packageVersion(), '-v, --version')
    .option('--json', 'write JSON to stdout, errors as JSON to stderr')
    .showHelpAfterError('(grym --help shows all verbs)')
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
  for (const { flag, help } of OPTIONS) if (flag !== undefined) program.option(`${flag} <value>`, help)
  program.option('--host <address>', 'address to listen on, or of the daemon to talk to')
  program.option('--port <number>', 'port to listen on, or of the daemon to talk to; 0 = any free one')

  const verb = (name: string, description: string, example: string, group: Command = program): Command =>
    group
      .command(name)
      .description(description)
      .exitOverride()
      .option('--json', 'write JSON to stdout')
      .option('--host <address>', 'address')
      .option('--port <number>', 'port')
      .addHelpText('after', `\nExample:\n  ${example}`)
  const running =
    <Prepared>(prepare: (flags: Flags, isJson: boolean) => Prepared | Promise<Prepared>) =>
    (act: (context: Prepared, ...values: never[]) => Promise<void>) =>
    async (...args: unknown[]): Promise<void> => {
      const command = args.at(-1) as Command
      const options = command.optsWithGlobals<Record<string, string | boolean | undefined>>()
      const isJson = options['json'] === true
      try {
        refuseEmpty(args.slice(0, -2))
        await stayFor(act(await prepare(flagsOf(options), isJson), ...(args.slice(0, -1) as never[])))
      } catch (thrown) {
        const error = interrupted.signal.aborted
          ? resourceError('request-cancelled', 'Interrupted.', { cause: thrown })
          : thrown
        setExitCode(new Terminal(isJson).failure(error))
      }
    }
  const runs = running((flags, isJson) => createContext(flags, isJson, interrupted.signal))

  verb('serve', 'Run the daemon.', 'grym serve --port 11500').action(
    runs(async (context) => (await import('./verbs/serve.ts')).serveVerb(context)),
  )
  verb('status', 'What is in memory, who waits, how full the machine is.', 'grym status --json')
    .alias('ps')
    .action(runs(async (context) => (await import('./verbs/status.ts')).statusVerb(context)))
  verb('list', 'Models that can be used here.', 'grym list')
    .alias('ls')
    .action(runs(async (context) => (await import('./verbs/list.ts')).listVerb(context)))
  verb('pull <model>', 'Get a model.', 'grym pull smollm2   (or hf:owner/repository:Q4_K_M)').action(
    runs(async (context, model: string) => (await import('./verbs/pull.ts')).pullVerb(context, model)),
  )
  verb('rm <model>', "Delete a model's file.", 'grym rm smollm2').action(
    runs(async (context, model: string) => (await import('./verbs/remove.ts')).removeVerb(context, model)),
  )
  verb('show <model>', 'What a model is and what it will take.', 'grym show smollm2').action(
    runs(async (context, model: string) => (await import('./verbs/show.ts')).showVerb(context, model)),
  )
  verb('load [model]', 'Bring a model into memory.', 'grym load smollm2')
    .option(KEEP_ALIVE_FLAG, KEEP_ALIVE_HELP, parseKeepAlive)
    .action(
      runs(async (context, model: string | undefined, options: KeepAliveOption) =>
        (await import('./verbs/load.ts')).loadVerb(context, model, options),
      ),
    )
  verb('unload [model]', 'Give a model back; active requests are completed first.', 'grym unload smollm2')
    .alias('stop')
    .action(
      runs(async (context, model: string | undefined) => (await import('./verbs/load.ts')).unloadVerb(context, model)),
    )
  verb('run <question>', 'Answer one question.', 'grym run "What is the capital of France?"')
    .option('--model <name>', 'which model answers')
    .option('--system <text>', 'system message')
    .option('--temperature <number>', 'randomness, 0 to 2', numberIn(0, 2), 0)
    .option('--max-tokens <count>', 'longest answer', numberIn(1, Number.MAX_SAFE_INTEGER), 1_024)
    .option(KEEP_ALIVE_FLAG, KEEP_ALIVE_HELP, parseKeepAlive)
    .action(
      runs(async (context, question: string, options: RunOptions) => {
        const { runVerb } = await import('./verbs/run.ts')
        await runVerb(context, question, options)
      }),
    )
  verb('events', 'Follow what happens.', 'grym events --after 0')
    .option('--after <id>', 'resume after this event', numberIn(0, Number.MAX_SAFE_INTEGER))
    .action(
      runs(async (context, { after }: { after?: number }) =>
        (await import('./verbs/events.ts')).eventsVerb(context, after),
      ),
    )
  verb('logs [model]', "What a model's engine printed last.", 'grym logs server:qwen').action(
    runs(async (context, model: string | undefined) => (await import('./verbs/logs.ts')).logsVerb(context, model)),
  )
  addStateVerbs({ verb, runs })
  addCacheVerbs({ verb, runs })
  addEngineVerbs({ verb, runs })
  addKeyVerbs({ verb, runs })
  verb('doctor', 'Check this installation.', 'grym doctor').action(
    runs(async (context) => (await import('./verbs/doctor.ts')).doctorVerb(context)),
  )
  addConfigVerbs({ verb, runs, runsBare: running(createBareContext) })
  return program
}

/** An empty word is a variable of a shell that nobody set: it must not come to mean the default. */
function refuseEmpty(words: readonly unknown[]): void {
  if (!words.includes('')) return
  throw resourceError('invalid-request', 'A name is empty. Leave it out to mean the default model.')
}

/** Commander's camelCase names back to flags, as the configuration knows them. */
function flagsOf(options: Readonly<Record<string, string | boolean | undefined>>): Flags {
  const flags: Record<string, string> = {}
  for (const [name, value] of Object.entries(options)) {
    if (typeof value === 'string') flags[`--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`] = value
  }
  return flags
}

function numberIn(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (text.trim() === '' || !(value >= least && value <= most)) {
      throw new InvalidArgumentError(`A number from ${least} to ${most}.`)
    }
    return value
  }
}

/** Runs the command line; resolves to the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  let exitCode = 0
  const program = buildProgram((code) => (exitCode = code))
  try {
    await program.parseAsync([...args], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    // Help and version that were asked for are no errors; everything else commander refuses is wrong use.
    return error.exitCode === 0 ? 0 : 2
  }
  return interrupted.signal.aborted && !isServing(args) ? 130 : exitCode
}

function isServing(args: readonly string[]): boolean {
  return args.includes('serve')
}

/** Ctrl-C reaches us twice when a wrapper passes on what its terminal sent to all: within this time it is one. */
const SAME_SIGNAL_MS = 1_000

/** The first signal asks to end, the second one ends. */
export function listenForSignals(): void {
  // A pipe that is closed early (`grym list | head`) is no fault.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
  let askedAtMs = -Infinity
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      const nowMs = performance.now()
      if (interrupted.signal.aborted && nowMs - askedAtMs > SAME_SIGNAL_MS) process.exit(130)
      if (!interrupted.signal.aborted) askedAtMs = nowMs
      interrupted.abort()
    })
  }
}

if (import.meta.main) {
  listenForSignals()
  process.exitCode = await main(process.argv.slice(2))
}
