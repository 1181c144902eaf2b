/** A source text with parts blanked out: same length and same line ends, so that offsets stay true. */
export interface SourceMask {
  /** Without comments and without the contents of strings, templates and regular expressions. */
  readonly code: string
  /** Only the comments. */
  readonly comments: string
}

/** Words after which a `/` begins a regular expression, not a division. */
const WORDS_BEFORE_REGEXP = /(?:^|[^\w$.])(?:return|typeof|case|in|of|delete|void|throw|new|else|do|await|yield)$/

/**
 * Tells code, comments and literals apart. A scanner of a page instead of a parser: it knows line and block comments,
 * strings, templates with code in them, and regular expressions (a `/` where an operand is expected).
 */
export function maskSource(text: string): SourceMask {
  const code: string[] = blank(text).split('')
  const comments: string[] = [...code]
  const keep = (target: string[], from: number, to: number): void => {
    for (let at = from; at < to; at += 1) target[at] = text.charAt(at)
  }
  /** Depths of `{` at which a template's `${` closes. */
  const templates: number[] = []
  let depth = 0
  let at = 0
  while (at < text.length) {
    const two = text.slice(at, at + 2)
    const char = text.charAt(at)
    if (two === '//' || two === '/*') {
      const end = endOfComment(text, at)
      keep(comments, at, end)
      at = end
    } else if (char === '"' || char === "'") {
      at = endOfString(text, at, char)
    } else if (char === '`' || (char === '}' && templates.at(-1) === depth)) {
      if (char === '}') templates.pop()
      const end = endOfTemplatePart(text, at + 1)
      if (text.slice(end - 2, end) === '${') templates.push(depth)
      at = end
    } else if (char === '/' && isRegExpStart(code, at)) {
      at = endOfRegExp(text, at)
    } else {
      if (char === '{') depth += 1
      if (char === '}') depth -= 1
      keep(code, at, at + 1)
      at += 1
      continue
    }
    // A quote at its end marks in `code` that a literal stood here; one that never closes may end with its line.
    if (two !== '//' && two !== '/*' && text.charAt(at - 1) !== '\n') code[at - 1] = "'"
  }
  return { code: code.join(''), comments: comments.join('') }
}

function blank(text: string): string {
  return text.replace(/[^\n]/g, ' ')
}

function endOfComment(text: string, at: number): number {
  const isLine = text.charAt(at + 1) === '/'
  const end = text.indexOf(isLine ? '\n' : '*/', at + 2)
  if (end === -1) return text.length
  return isLine ? end : end + 2
}

function endOfString(text: string, at: number, quote: string): number {
  let end = at + 1
  while (end < text.length && text.charAt(end) !== quote && text.charAt(end) !== '\n') {
    end += text.charAt(end) === '\\' ? 2 : 1
  }
  return Math.min(text.length, end + 1)
}

/** Up to and with the closing backtick, or the `${` that opens code. */
function endOfTemplatePart(text: string, from: number): number {
  let end = from
  while (end < text.length) {
    if (text.charAt(end) === '`') return end + 1
    if (text.slice(end, end + 2) === '${') return end + 2
    end += text.charAt(end) === '\\' ? 2 : 1
  }
  return text.length
}

function endOfRegExp(text: string, at: number): number {
  let end = at + 1
  let isInClass = false
  for (; end < text.length && text.charAt(end) !== '\n'; end += 1) {
    const char = text.charAt(end)
    if (char === '\\') end += 1
    else if (char === '[') isInClass = true
    else if (char === ']') isInClass = false
    else if (char === '/' && !isInClass) return end + 1
  }
  return Math.min(end, text.length)
}

function isRegExpStart(code: readonly string[], at: number): boolean {
  const before = code
    .slice(Math.max(0, at - 80), at)
    .join('')
    .trimEnd()
  if (before === '') return true
  return /[(,=:[!&|?{};+\-*%<>~^]$/.test(before) || WORDS_BEFORE_REGEXP.test(before)
}
