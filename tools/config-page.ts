import { OPTIONS } from '../src/config/options.ts'
import { formatDuration } from '../src/spec/units.ts'
import { table } from './markdown-table.ts'

/** A whole file with one of everything that single models can have; `test/docs.test.ts` has it checked by the parser. */
const EXAMPLE = `# yaml-language-server: $schema=./node_modules/grym/docs/grym.schema.json
limits:
  maxModelsLoaded: 3
  memoryThreshold: 0.8
  inactivityTimeout: 5m       # or 300000: a bare number is ms here
modelSizes:                   # MB, decimal
  'deepseek-r1:14b': 14000
models:
  default: smollm2
  folders: [~/models, /srv/gguf]
  entries:
    gpt-4o: smollm2           # short for {source: smollm2}
    claude-*: coder           # every name that begins so
    coder:
      source: ./qwen2.5-coder-7b-q4_k_m.gguf
      aliases: [code, 'qwen*coder']
      context: 16384
      system: Answer with code first.
      sampling:
        temperature: 0.2
        topP: 0.95
        topK: 40
        repeatPenalty: 1.05
        maxTokens: 2048
        stop: ['</code>']
      template: file:templates/coder.jinja
      parallel: 2
      kvType: q8_0
      pin: true
      priority: 5
      keepAlive: 1h
      lora:
        - path: adapters/house-style.gguf
          scale: 0.8
    small:
      source: hf:bartowski/SmolLM2-135M-Instruct-GGUF:Q4_K_M
      keepAlive: 0            # unloaded as soon as it is idle
conversations:
  maxAge: 30d
  maxBytes: 1GiB
`

/** The same for servers. */
const SERVER_EXAMPLE = `servers:
  qwen:                       # asked for as server:qwen
    command: llama-server -m /srv/gguf/qwen.gguf --port \${port} -c 16384
    startDeadline: 2m
    env: {CUDA_VISIBLE_DEVICES: '0'}
  boxed:
    command: [docker, run, --rm, --name, boxed, -p, '\${port}:8000', vllm/vllm-openai, --model, Qwen/Qwen3-8B]
    stop: docker stop boxed
    health: /health
    cwd: ~/models
    model: Qwen/Qwen3-8B      # what it is asked for
    context: 32768
    parallel: 8
    memory: 12GiB             # until it is measured
    engine: other
    stuckAfter: 5m
  far:
    url: https://models.example.com/v1
    keyVariable: FAR_KEY      # or keyFile: and a path
    model: gpt-x
    capabilities: [completion, tools, vision]
`

/** The same for keys and listeners. */
const KEY_EXAMPLE = `listen: [127.0.0.1:11500, 127.0.0.1:11434, unix:run/grym.sock]
keys:
  laptop:
    sha256: 5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8
    keepAlive: 30m
    priority: 2
`

export function configurationPage(made: string): string {
  const rows = OPTIONS.map(({ key, flag, env, defaultValue, help, isSecret }) => [
    `\`${key}\``,
    flag === undefined ? '–' : `\`${flag}\``,
    env === undefined ? '–' : `\`${env}\``,
    isSecret ? '–' : defaultText(key, defaultValue),
    help,
  ])
  const head = ['key', 'flag', 'environment', 'default', 'meaning']
  return [
    `# Configuration\n\n${made.trim()}`,
    ORDER,
    `## Options\n\n${OPTION_WORDS}\n\n${table(head, rows).trim()}`,
    `## One model\n\n${ENTRY_WORDS}\n\n\`\`\`yaml\n${EXAMPLE}\`\`\``,
    `## Keys\n\n${KEY_WORDS}\n\n\`\`\`yaml\n${KEY_EXAMPLE}\`\`\``,
    `## Servers\n\n${SERVER_WORDS}\n\n\`\`\`yaml\n${SERVER_EXAMPLE}\`\`\``,
    `## While grym runs\n\n${CONFIGURE_WORDS}`,
    `## Ollama's variables\n\n${hintWords()}`,
  ]
    .join('\n\n')
    .concat('\n')
}

const ORDER = `## Where values come from

First \`configure()\`, then flags, the environment, \`grym.yaml\`, Ollama's variables, defaults. \`grym config show --origin\` says of each value who set it, down to the line of the file.

The file is the one that \`--config\` or \`GRYM_CONFIG\` names, else \`grym.yaml\` in the working folder, else \`grym.yaml\` in the state folder (\`GRYM_HOME\`). The first that is there counts, alone; a named one must be there. \`grym config check [file]\` looks at a whole file and names what is wrong with it, up to 20 things at a time, each with its line: an unknown key is an error, too. What shows only when each value is right by itself (numbers that contradict each other, entries that lead nowhere) is named after that; whether a file that an entry names is a model shows when it is loaded. Editors can check it by \`docs/grym.schema.json\`, a JSON Schema. The file is YAML of at most 1 MiB; a group of which all is a comment is an empty one; anchors and aliases are understood, merge keys (\`<<\`) are not. Paths in it may begin with \`~\` and are relative to the file.

\`--host\` and \`--port\` win over \`GRYM_HOST\` and \`listen\`, each on its own. Proxies are taken from \`HTTP_PROXY\`, \`HTTPS_PROXY\` and \`NO_PROXY\`.`

const OPTION_WORDS = `Each dot in a key is one level of the file. **Durations** as text are \`5m\`, \`90s\`, \`1h30m\`; a bare number is **milliseconds** in the file and in \`configure()\`, as \`inactivityTimeout: 300000\`, but **seconds** as text: in the environment, in a flag, or quoted. \`-1\` is no timer where there may be none. **Sizes** are \`32MiB\`, \`500MB\` or bytes; those of \`modelSizes\` and \`buffers\` are MB, decimal. Yes or no is \`true\` or \`false\`; the environment may say \`1\`, \`0\`, \`yes\`, \`no\`, \`on\`, \`off\`, too.

Where it says "checked and kept; takes effect with …", a value is refused when it is wrong and shown when it is asked for, and nothing acts on it yet.`

const ENTRY_WORDS = `\`models.entries\` is a map from a name, or a pattern in which \`*\` is any letters, to settings. A name that is asked for is looked up as: the entry of exactly this name, the entry with exactly this alias, the pattern with the most letters beside \`*\`; the first in the file of equal ones.

- \`source\` is another model's name (the entry is then an alias with settings of its own), a path to a \`.gguf\` file, or \`hf:…\` for \`grym pull\`. Without one the entry is about the model of its own name. A pattern can only lead to a name.
- Entries may lead to entries, at most 8 in a row and never back. What an outer one sets wins over those behind it, sampling options one by one. On the way a pattern with a source is passed over, so that \`'*': smollm2\` does not catch the names that other entries lead to.
- Programs that insist on names of their own are served by patterns: \`'claude-*': smollm2\`, \`'gpt-*': {source: smollm2, context: 8192}\`. The answer names the model that spoke (Ollama's API repeats the name that was asked for; the header \`X-Grym-Model\` has the id everywhere), and \`GET /v1/models/claude-x\` finds it under the name that was asked for.
- \`context\` is in tokens; \`system\` is the system prompt of conversations that bring none; \`sampling\` holds \`temperature\`, \`topP\`, \`topK\`, \`minP\`, \`seed\`, \`repeatPenalty\`, \`frequencyPenalty\`, \`presencePenalty\`, \`maxTokens\`, \`stop\` for requests that do not say.
- \`template\` is Jinja, or \`file:\` and a path. \`lora\` is a path, \`{path, scale}\`, or a list of them.
- \`parallel\` and \`kvType\` are as for every model. \`batchTokens\` (32 to 8192) is how much of a prompt is evaluated at once, where the engine's own size takes too much memory or is too slow; a client's \`num_batch\` never has a model loaded anew. LM Studio and servers of others keep their own. \`pin\` keeps a model in memory; \`priority\` is −10 to 10, higher ones are evicted last, 0 where nothing is said; \`keepAlive\` is its own idle time: \`0\` = at once, \`-1\` = no timer.`

const KEY_WORDS = `Without \`keys\`, whoever reaches the daemon's address may do everything. As soon as there is one, every request but \`/health\`, \`/ready\` and \`/\` needs one of them, as \`Authorization: Bearer …\` or \`x-api-key: …\`, and is refused with 401 otherwise. \`grym keys new laptop\` makes one, shows it once, and says what to write here: its SHA-256, never the key. Conversations of a key are its own. \`keepAlive\` and \`priority\` hold for its requests that say nothing of that.

The command line and the library of the user whose daemon it is need no key: they read \`daemon.token\` in the state folder, which only that user can. To a daemon of another state folder they send \`GRYM_API_KEY\`.

\`listen\` may be a list. The first address is the one that \`GRYM_HOST\`, \`--host\` and \`--port\` replace and by which tools of the same state folder find the daemon; port 11434 after it serves programs that expect Ollama there. \`unix:\` and a path is a socket that only its user may open (mode 0600): its folder must be there, and a socket that a killed daemon left is replaced. \`OLLAMA_HOST\` and \`engines.ollama\` that mean one of these listeners are ignored with a notice.`

const SERVER_WORDS = `\`servers\` are models that other programs serve over OpenAI's HTTP. One is either a \`command\`, which grym starts when the model is asked for and stops when it leaves memory, or a \`url\` that others look after.

- \`command\` is a command line, split as a shell would split it, or a list. No shell runs it: nothing in it is expanded but \`\${port}\`, which may stand in \`env\`, too. \`port\` is any free one if unset. A program that begins with \`./\`, \`../\` or \`~\` is a file, any other is looked for by \`PATH\`; it runs in \`cwd\` with grym's own environment and \`env\`.
- It is ready when \`health\` (\`/health\`) answers well, or \`/v1/models\` where that is not there; \`startDeadline\` is \`5m\` if unset. It is stopped by \`stop\`, then a signal to all of its processes, and killed when that does not help.
- Its memory is measured while it runs; before, \`memory\` is believed. What cannot be asked is said here: \`context\` in tokens, \`parallel\` requests at once, \`capabilities\` (\`completion\` and \`tools\` if unset). A llama-server is recognised and asked; \`engine: other\` leaves it at OpenAI's own API.
- An answer that is silent for \`stuckAfter\` (30 s for a llama-server, which sends pings, else 5 minutes) makes grym ask \`health\`; a command that does not answer is ended.
- An API key stands in a file (\`keyFile\`) or in a variable (\`keyVariable\`), never here. What the command line and \`env\` hold is shown by \`grym config show\`: give secrets to the command by grym's own environment.
- Everything else about such a model is set in \`models.entries\`, under \`server:\` and its name.`

const CONFIGURE_WORDS = `\`configure()\` takes any part of the same keys, as nested objects. A wrong one is refused with its key, its value and what is allowed, and nothing of that call holds. Calls add up; \`modelSizes\` and \`models.entries\` gain members, and one that is given replaces the one of its name. ${startOnly()} are read at the start only: set them in \`grym.yaml\`, by a flag or in the environment, and restart. Paths in \`configure()\` are absolute or begin with \`~/\`.`

function startOnly(): string {
  return OPTIONS.filter(({ scope }) => scope !== 'live')
    .map(({ key }) => `\`${key}\``)
    .join(', ')
}

function hintWords(): string {
  const rows = OPTIONS.flatMap(({ key, hint }) => {
    if (!hint) return []
    const unset = (hint.unsetValues ?? []).map((value) => `\`${value}\``).join(', ')
    return [[`\`${hint.variable}\``, `\`${key}\``, unset === '' ? '–' : unset]]
  })
  return `Believed where nothing of grym's own is set, so that a machine on which Ollama is set up behaves alike. One that cannot be used is told, and stops nothing. \`OLLAMA_HOST\` says where Ollama is; when it names grym's own address it is ignored, with a notice.

${table(['variable', 'key', 'as if unset'], rows).trim()}`
}

/** As a person would write it in the file. */
function defaultText(key: string, value: unknown): string {
  if (typeof value === 'number' && /Timeout$|maxAge$|ttl$/.test(key)) return `\`${durationText(value)}\``
  if (typeof value === 'number' && /Bytes$|BytesPerHour$/.test(key)) return `\`${value / 1_048_576}MiB\``
  return value === undefined ? '–' : `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``
}

function durationText(durationMs: number): string {
  const days = durationMs / 86_400_000
  return Number.isInteger(days) ? `${days}d` : formatDuration(durationMs).replace(' 0s', '')
}
