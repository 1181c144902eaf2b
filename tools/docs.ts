import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { buildProgram } from '../src/cli/main.ts'
import { configJsonSchema } from '../src/config/json-schema.ts'
import { ERROR_TABLE } from '../src/spec/error-table.ts'
import { EVENT_MEANINGS } from '../src/spec/events.ts'
import { configurationPage } from './config-page.ts'
import { table } from './markdown-table.ts'

/*
 * Writes the pages of `docs/` that are made from tables in the code (`npm run docs`). `test/docs.test.ts` fails while
 * a page differs from its table.
 */

const MADE = '<!-- Made by `npm run docs` from the code; edit the table there. -->\n\n'

/** Each made file by its path in the repository. */
export function madePages(): Readonly<Record<string, string>> {
  return {
    'docs/errors.md': errorsPage(),
    'docs/events.md': eventsPage(),
    'docs/configuration.md': configurationPage(MADE),
    'docs/grym.schema.json': `${JSON.stringify(configJsonSchema(), null, 2)}\n`,
    'docs/cli.md': cliPage(),
  }
}

function errorsPage(): string {
  const rows = Object.entries(ERROR_TABLE).map(([reason, { code, httpStatus, isRetryable, meaning, nextStep }]) => [
    `\`${reason}\``,
    `\`${code}\``,
    String(httpStatus),
    isRetryable ? 'yes' : 'no',
    meaning,
    nextStep,
  ])
  return (
    `# Errors\n\n${MADE}` +
    'Every error has a `code` (one of six), a `reason` (the fine name; this table), a message that says what to do ' +
    'next, and an id that finds it in `logs/grym.log`. Over HTTP it is `{"error":{"message","type","param","code",' +
    '"reason","id"}}`, and the id stands in the header `X-Grym-Error-Id`, too; a stream that breaks carries the same ' +
    'object as its last event. "Again" means: the same call may succeed later without anything being changed.\n\n' +
    table(['reason', 'code', 'HTTP', 'again', 'meaning', 'next step'], rows)
  )
}

function eventsPage(): string {
  const rows = Object.entries(EVENT_MEANINGS).map(([type, { when, data }]) => [`\`${type}\``, when, data])
  return (
    `# Events\n\n${MADE}` +
    '`GET /grym/v1/events` sends them as they happen (`grym events` prints them): `id` rises by one without gaps, ' +
    '`event` is the type, `data` is `{"id","type","atMs","data":{…}}`. `Last-Event-ID` resumes within the last 1,000.\n\n' +
    table(['type', 'when', 'data'], rows)
  )
}

function cliPage(): string {
  const program = buildProgram(() => {})
  const verbs = program.commands.flatMap((command) => verbSections(command, `grym ${command.name()}`))
  return (
    `# Command line\n\n${MADE}` +
    'Every verb takes `--json`: stdout then holds JSON only, and an error is `{"error":{"code","reason","message","id"}}` ' +
    'on stderr. Exit codes: 0 done, 1 failed, 2 wrong use, 3 daemon not reachable, 4 refused by a limit or a key, 130 ' +
    'interrupted. In a checkout: `npm run -s grym -- <verb>`. Options that every verb takes stand in `configuration.md`.\n\n' +
    verbs.join('\n')
  )
}

/** A verb, then the verbs below it. */
function verbSections(command: Command, name: string): string[] {
  const section = `## ${name}\n\n\`\`\`\n${helpOf(command)}\n\`\`\`\n`
  return [section, ...command.commands.flatMap((below) => verbSections(below, `${name} ${below.name()}`))]
}

/** Its own part of the help: the options that all verbs share are left out. */
function helpOf(command: Command): string {
  let text = ''
  command.configureHelp({ showGlobalOptions: false, helpWidth: 100 })
  command.configureOutput({ writeOut: (part) => (text += part) })
  command.outputHelp()
  return text.trim()
}

if (import.meta.main) {
  for (const [path, text] of Object.entries(madePages())) {
    writeFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), text)
  }
}
