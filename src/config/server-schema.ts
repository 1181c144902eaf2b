import { z } from 'zod'
import {
  type CommandServerSettings,
  DEFAULT_START_DEADLINE_MS,
  type ServerEntries,
  type ServerKeySource,
  type ServerSettings,
} from '../spec/server-settings.ts'
import { splitCommand } from './split-command.ts'
import { byteCount, deadlineMs, group, oneOf, prose, text, wholeNumber } from './value-schemas.ts'

const MAX_SERVERS = 100
const MAX_NAME_CHARACTERS = 200
const MAX_WORDS = 1_000
const MAX_VARIABLES = 1_000

const NAME_ALLOWED = `a name of letters, digits and . _ - : / @, at most ${MAX_NAME_CHARACTERS}`
const name = z
  .string({ error: NAME_ALLOWED })
  .max(MAX_NAME_CHARACTERS, { error: NAME_ALLOWED })
  .regex(/^[\p{L}\p{N}][\p{L}\p{N}._:/@-]*$/u, { error: NAME_ALLOWED })

const COMMAND_ALLOWED = 'a command line in which every quote is closed, or a list of a program and its arguments'
const word = z
  .string({ error: COMMAND_ALLOWED })
  .refine((written) => !written.includes('\0'), { error: COMMAND_ALLOWED })
const words = z
  .array(word, { error: COMMAND_ALLOWED })
  .min(1, { error: COMMAND_ALLOWED })
  .max(MAX_WORDS, { error: COMMAND_ALLOWED })
const command = z
  .union([words, prose().transform(splitCommand).pipe(words)], { error: COMMAND_ALLOWED })
  .refine(([program]) => program !== undefined && program.trim() !== '', { error: COMMAND_ALLOWED })

const VARIABLE_ALLOWED = 'a variable’s name: letters, digits and _, not beginning with a digit'
const variable = z.string({ error: VARIABLE_ALLOWED }).regex(/^[A-Za-z_]\w*$/, { error: VARIABLE_ALLOWED })
const env = z
  .record(variable, z.string({ error: 'text' }), { error: 'a group of texts by variable' })
  .refine((variables) => Object.keys(variables).length <= MAX_VARIABLES, {
    error: `at most ${MAX_VARIABLES} variables`,
  })

const PATH_ALLOWED = 'a path that begins with /'
const urlPath = text(PATH_ALLOWED).refine((path) => /^\/[^\s#]*$/.test(path), { error: PATH_ALLOWED })

const URL_ALLOWED = 'an address that begins with http:// or https://, without a password'
const baseUrl = z.url({ protocol: /^https?$/, error: URL_ALLOWED }).refine(
  (written) => {
    const url = new URL(written)
    return url.username === '' && url.password === '' && url.search === '' && url.hash === ''
  },
  { error: URL_ALLOWED },
)

const fields = group(
  {
    command: command
      .optional()
      .describe('Program and arguments that serve OpenAI’s HTTP on `${port}`; no shell reads them.'),
    port: wholeNumber(0, 65_535).optional().describe('Port; 0 = any free one.'),
    env: env.optional().describe('Variables added to the environment of the command.'),
    cwd: text('a folder').optional().describe('Folder in which the command runs.'),
    health: urlPath.optional().describe('Path that answers well once it is ready; /v1/models where it is not there.'),
    stop: command.optional().describe('Command that stops it, run before signals are sent.'),
    startDeadline: deadlineMs.optional().describe('How long it may take to be ready: `2m`, or ms.'),
    memory: byteCount.optional().describe('What it takes in memory, until that is measured.'),
    url: baseUrl.optional().describe('Address of a server that others run, with its version: https://host/v1.'),
    keyFile: text('a path').optional().describe('File whose first line is its API key.'),
    keyVariable: variable.optional().describe('Environment variable that holds its API key.'),
    model: text('a model’s name').optional().describe('What it is asked for; its name here if unset.'),
    context: wholeNumber(256, 16_777_216).optional().describe('Context window in tokens, where it cannot be asked.'),
    parallel: wholeNumber(1, 1_000).optional().describe('Requests at once.'),
    capabilities: z
      .array(oneOf(['completion', 'embedding', 'tools', 'insert', 'thinking', 'vision']), {
        error: 'a list of completion, embedding, tools, insert, thinking, vision',
      })
      .min(1, { error: 'at least one of completion, embedding' })
      .optional()
      .describe('What the model can do; completion and tools if unset.'),
    engine: oneOf(['auto', 'llama-server', 'other']).optional().describe('What it is; it is looked at if unset.'),
    stuckAfter: deadlineMs
      .optional()
      .describe('Silence of an answer after which the server is asked whether it lives.'),
  },
  'settings of a server',
)
type Fields = z.output<typeof fields>

/** What makes no sense for a server that grym does not start. */
const OF_COMMANDS = ['port', 'env', 'cwd', 'health', 'stop', 'startDeadline', 'memory'] as const

const server = fields
  .superRefine((written, context) => {
    const refuse = (key: string, message: string): void => context.addIssue({ code: 'custom', path: [key], message })
    if ((written.command === undefined) === (written.url === undefined)) {
      const message = 'either a command that is started here, or the url of a server that others run'
      context.addIssue({ code: 'custom', message })
    }
    if (written.url !== undefined) {
      for (const key of OF_COMMANDS)
        if (written[key] !== undefined) refuse(key, 'something for a command, not for a url')
    }
    if (written.keyFile !== undefined && written.keyVariable !== undefined) {
      refuse('keyVariable', 'set once: keyFile says already where the key is')
    }
    if (written.port === 0 || written.port === undefined) {
      const all = [...(written.command ?? []), ...Object.values(written.env ?? {})]
      if (written.command && !all.some((part) => part.includes(PORT))) {
        refuse(
          'command',
          `a command with ${PORT} in it or in env, or a port beside it: it has to be known where it listens`,
        )
      }
    }
  })
  .transform(toSettings)

/** Stands for the port in a command. */
const PORT = '${port}'

/** `servers`, as it is written and as it is used. */
export const serverEntries: z.ZodType<ServerEntries, Readonly<Record<string, unknown>>> = z
  .record(name, server, { error: 'a group of servers by name' })
  .refine((servers) => Object.keys(servers).length <= MAX_SERVERS, { error: `at most ${MAX_SERVERS} servers` })
  .transform((servers): ServerEntries => Object.assign(Object.create(null) as object, servers) as ServerEntries)

function toSettings(written: Fields): ServerSettings {
  const { url, model, context, parallel, capabilities, engine = 'auto', stuckAfter } = written
  const key = keyOf(written)
  const common = {
    engine,
    ...(model !== undefined && { model }),
    ...(context !== undefined && { contextTokens: context }),
    ...(parallel !== undefined && { parallel }),
    ...(capabilities !== undefined && { capabilities }),
    ...(stuckAfter !== undefined && { stuckAfterMs: stuckAfter }),
    ...(key !== undefined && { key }),
  }
  if (url !== undefined) return { kind: 'remote', url: url.replace(/\/+$/, ''), ...common }
  return { ...common, ...commandSettings(written) }
}

function commandSettings(written: Fields): Omit<CommandServerSettings, 'engine'> {
  const {
    command: line = [],
    port = 0,
    env: variables = {},
    cwd,
    health = '/health',
    stop,
    startDeadline,
    memory,
  } = written
  return {
    kind: 'command',
    command: line,
    port,
    env: variables,
    healthPath: health,
    startDeadlineMs: startDeadline ?? DEFAULT_START_DEADLINE_MS,
    ...(cwd !== undefined && { cwd }),
    ...(stop !== undefined && { stop }),
    ...(memory !== undefined && { memoryBytes: memory }),
  }
}

function keyOf({ keyFile, keyVariable }: Fields): ServerKeySource | undefined {
  if (keyFile !== undefined) return { kind: 'file', path: keyFile }
  return keyVariable === undefined ? undefined : { kind: 'variable', name: keyVariable }
}
