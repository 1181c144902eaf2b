import { parsedJson } from '../../../../spec/json-narrowing.ts'
import type { ToolSyntax } from './tool-syntax.ts'

/** A call as a model wrote it. */
export interface WrittenCall {
  readonly name: string
  /** JSON text of an object. */
  readonly arguments: string
}

/**
 * The calls in the text from a trigger on, written as the syntax says or nearly so (other white space, `parameters` for
 * `arguments`). `undefined` when it is anything else, or names a tool that there is not: then it is text, and nothing of
 * it may be lost.
 */
export function readCalls(
  text: string,
  syntax: ToolSyntax,
  toolNames: ReadonlySet<string>,
): readonly WrittenCall[] | undefined {
  const calls = READERS[syntax.form](text, syntax)
  const areKnown = calls !== undefined && calls.length > 0 && calls.every(({ name }) => toolNames.has(name))
  return areKnown ? calls : undefined
}

type Reader = (text: string, syntax: ToolSyntax) => WrittenCall[] | undefined

const READERS: Readonly<Record<ToolSyntax['form'], Reader>> = {
  object: readObjects,
  marked: readMarked,
  tags: readTags,
}

/** `{"name": …, "arguments": …}`, one after the other or in a list, with the syntax's own marks around them. */
function readObjects(text: string, { trigger, closing, ending }: ToolSyntax): WrittenCall[] | undefined {
  // A trigger that belongs to the object itself (`{"name"`) is no mark.
  const marks = [trigger, closing.replace(/^}/, ''), ending, '</tool_call>', '<|/tool_call|>', '<|python_tag|>']
    .map((mark) => mark.trim())
    .filter((mark) => mark !== '' && !mark.startsWith('{'))
  let rest = text
  const calls: WrittenCall[] = []
  for (;;) {
    rest = withoutLeading(rest, marks)
    if (rest === '') return calls
    const end = jsonEnd(rest)
    const values = end === undefined ? undefined : parsedJson(rest.slice(0, end))
    for (const value of Array.isArray(values) ? values : [values]) {
      const call = callOf(value)
      if (!call) return undefined
      calls.push(call)
    }
    rest = rest.slice(end)
  }
}

/** The name up to a mark, arguments after it. */
function readMarked(
  text: string,
  { opening, between = opening, afterName, closing }: ToolSyntax,
): WrittenCall[] | undefined {
  const [openMark, nextMark, nameEnd, closeMark] = [opening, between, afterName, closing].map((mark) => mark.trim())
  if (openMark === undefined || nextMark === undefined || nameEnd === undefined || closeMark === undefined)
    return undefined
  const calls: WrittenCall[] = []
  for (let rest = afterMark(text, openMark); rest !== undefined; rest = afterMark(rest, nextMark)) {
    const nameLength = rest.indexOf(nameEnd)
    if (nameLength === -1) return undefined
    const name = rest
      .slice(0, nameLength)
      .replace(/\[CALL_ID\].*$/, '')
      .trim()
    rest = rest.slice(nameLength + nameEnd.length).trimStart()
    const end = jsonEnd(rest)
    const value = end === undefined ? undefined : parsedJson(rest.slice(0, end))
    if (!isObject(value)) return undefined
    calls.push({ name, arguments: rest.slice(0, end) })
    rest = rest.slice(end).trimStart()
    if (closeMark !== '' && rest.startsWith(closeMark)) rest = rest.slice(closeMark.length)
  }
  return calls
}

/** `<function=name><parameter=key>value</parameter>…</function>`; values that are JSON are taken as such. */
function readTags(text: string): WrittenCall[] | undefined {
  const calls: WrittenCall[] = []
  for (const [, name = '', body = ''] of text.matchAll(/<function=([^>\n]+)>([^]*?)<\/function>/g)) {
    const values: Record<string, unknown> = Object.create(null) as Record<string, unknown>
    for (const [, key = '', value = ''] of body.matchAll(/<parameter=([^>\n]+)>([^]*?)<\/parameter>/g)) {
      const written = value.replace(/^\n/, '').replace(/\n$/, '')
      const json = parsedJson(written)
      values[key.trim()] = json === undefined ? written : json
    }
    calls.push({ name: name.trim(), arguments: JSON.stringify(values) })
  }
  return calls
}

function callOf(value: unknown): WrittenCall | undefined {
  if (!isObject(value) || typeof value['name'] !== 'string') return undefined
  const given = value['arguments'] ?? value['parameters']
  if (isObject(given)) return { name: value['name'], arguments: JSON.stringify(given) }
  // Some models write them as JSON in a string.
  return typeof given === 'string' && isObject(parsedJson(given))
    ? { name: value['name'], arguments: given }
    : undefined
}

function withoutLeading(text: string, marks: readonly string[]): string {
  let rest = text.replace(/^[\s,;]+/, '')
  for (let mark = findMark(rest, marks); mark !== undefined; mark = findMark(rest, marks)) {
    rest = rest.slice(mark.length).replace(/^[\s,;]+/, '')
  }
  return rest
}

function findMark(text: string, marks: readonly string[]): string | undefined {
  return marks.find((mark) => text.startsWith(mark))
}

function afterMark(text: string, mark: string): string | undefined {
  const index = text.indexOf(mark)
  return index === -1 ? undefined : text.slice(index + mark.length)
}

/** Where the JSON object or list at the beginning of the text ends; `undefined` = it does not, or there is none. */
function jsonEnd(text: string): number | undefined {
  if (!text.startsWith('{') && !text.startsWith('[')) return undefined
  let depth = 0
  let isInString = false
  for (let index = 0; index < text.length; index++) {
    const character = text[index]
    if (isInString) {
      if (character === '\\') index += 1
      else if (character === '"') isInString = false
    } else if (character === '"') isInString = true
    else if (character === '{' || character === '[') depth += 1
    else if ((character === '}' || character === ']') && --depth === 0) return index + 1
  }
  return undefined
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
