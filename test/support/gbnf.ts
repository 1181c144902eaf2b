/*
 * A small reading of llama.cpp's grammars (GBNF) for tests: does a text match, and what could a model write? Written
 * from the format's description (https://github.com/ggml-org/llama.cpp/tree/master/grammars), apart from the code that
 * makes grammars.
 */

type Node =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'set'; readonly isNegated: boolean; readonly ranges: readonly (readonly [number, number])[] }
  | { readonly type: 'rule'; readonly name: string }
  | { readonly type: 'all'; readonly nodes: readonly Node[] }
  | { readonly type: 'any'; readonly nodes: readonly Node[] }
  | { readonly type: 'repeat'; readonly node: Node; readonly least: number; readonly most: number }

/** A grammar that can be asked. */
export class Gbnf {
  readonly #rules = new Map<string, Node>()
  readonly #heights = new Map<string, number>()

  constructor(text: string) {
    for (const line of text.split('\n')) {
      const [name = '', body = ''] = line.split(/ ::= (.*)/s)
      this.#rules.set(name, new Reader(body).whole())
    }
    this.#measure()
  }

  /** Does the whole text match? */
  matches(text: string): boolean {
    const characters = Array.from(text)
    return this.#ends({ type: 'rule', name: 'root' }, 0, characters, new Map()).has(characters.length)
  }

  /** A text that matches. @param random in [0, 1). */
  write(random: () => number): string {
    return this.#write({ type: 'rule', name: 'root' }, random, 0)
  }

  /** Where a match that begins at a place may end. */
  #ends(node: Node, at: number, text: readonly string[], known: Map<string, Set<number>>): ReadonlySet<number> {
    switch (node.type) {
      case 'text':
        return Array.from(node.text).every((character, index) => text[at + index] === character)
          ? new Set([at + Array.from(node.text).length])
          : new Set()
      case 'set':
        return text[at] !== undefined && holds(node, text[at]) ? new Set([at + 1]) : new Set()
      case 'rule': {
        const key = `${node.name} ${at}`
        const before = known.get(key)
        if (before) return before
        known.set(key, new Set())
        const ends = new Set(this.#ends(this.#rule(node.name), at, text, known))
        known.set(key, ends)
        return ends
      }
      case 'all':
        return this.#endsInTurn(node.nodes, at, text, known)
      case 'any':
        return new Set(node.nodes.flatMap((each) => [...this.#ends(each, at, text, known)]))
      case 'repeat': {
        const ends = new Set<number>(node.least === 0 ? [at] : [])
        let starts: ReadonlySet<number> = new Set([at])
        for (let count = 1; count <= node.most && starts.size > 0 && count <= text.length + 1; count++) {
          starts = new Set([...starts].flatMap((start) => [...this.#ends(node.node, start, text, known)]))
          if (count >= node.least) for (const end of starts) ends.add(end)
        }
        return ends
      }
    }
  }

  #endsInTurn(
    nodes: readonly Node[],
    at: number,
    text: readonly string[],
    known: Map<string, Set<number>>,
  ): Set<number> {
    let ends = new Set([at])
    for (const node of nodes) ends = new Set([...ends].flatMap((start) => [...this.#ends(node, start, text, known)]))
    return ends
  }

  #write(node: Node, random: () => number, depth: number): string {
    switch (node.type) {
      case 'text':
        return node.text
      case 'set':
        return pick(node, random)
      case 'rule':
        return this.#write(this.#rule(node.name), random, depth + 1)
      case 'all':
        return node.nodes.map((each) => this.#write(each, random, depth)).join('')
      case 'any': {
        // Deep inside, the shortest way out.
        const lowest = Math.min(...node.nodes.map((each) => this.#height(each)))
        const open = depth > 25 ? node.nodes.filter((each) => this.#height(each) === lowest) : node.nodes
        return this.#write(open[Math.floor(random() * open.length)] as Node, random, depth)
      }
      case 'repeat': {
        const more = depth > 25 ? 0 : Math.min(node.most - node.least, Math.floor(random() * 4))
        // Now and then as many as there may be.
        const isMost = depth <= 25 && node.most < 50 && random() < 0.2
        const count = isMost ? node.most : node.least + more
        return Array.from({ length: count }, () => this.#write(node.node, random, depth)).join('')
      }
    }
  }

  #rule(name: string): Node {
    const rule = this.#rules.get(name)
    if (!rule) throw new Error(`the grammar has no rule '${name}'`)
    return rule
  }

  /** How deep the shallowest text of each rule is; `Infinity` = it can write none. */
  #measure(): void {
    for (let isChanged = true; isChanged;) {
      isChanged = false
      for (const [name, rule] of this.#rules) {
        const height = this.#height(rule) + 1
        if (height >= (this.#heights.get(name) ?? Infinity)) continue
        this.#heights.set(name, height)
        isChanged = true
      }
    }
    if (!this.#heights.has('root')) throw new Error('the grammar can write nothing')
  }

  #height(node: Node): number {
    if (node.type === 'rule') return this.#heights.get(node.name) ?? Infinity
    if (node.type === 'all') return Math.max(0, ...node.nodes.map((each) => this.#height(each)))
    if (node.type === 'any') return Math.min(...node.nodes.map((each) => this.#height(each)))
    if (node.type === 'repeat') return node.least === 0 ? 0 : this.#height(node.node)
    return 0
  }
}

function holds(set: Extract<Node, { type: 'set' }>, character: string): boolean {
  const code = character.codePointAt(0) ?? 0
  return set.ranges.some(([first, last]) => code >= first && code <= last) !== set.isNegated
}

/** Mostly what a person would type, sometimes anything. */
function pick(set: Extract<Node, { type: 'set' }>, random: () => number): string {
  const usual = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).filter((each) =>
    holds(set, each),
  )
  const unusual = ['\n', '\t', 'é', '漢', '🦊', '\u2028', '\uFFFD'].filter((each) => holds(set, each))
  const few = usual.length === 0 || (unusual.length > 0 && random() < 0.1) ? unusual : usual
  const chosen = few[Math.floor(random() * few.length)]
  if (chosen !== undefined) return chosen
  const [[first] = [0]] = set.ranges
  return String.fromCodePoint(first)
}

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  whole(): Node {
    const node = this.#any()
    if (this.#at < this.#text.length) throw new Error(`cannot read '${this.#text.slice(this.#at)}'`)
    return node
  }

  #any(): Node {
    const nodes = [this.#all()]
    while (this.#take('|')) nodes.push(this.#all())
    return nodes.length === 1 ? (nodes[0] as Node) : { type: 'any', nodes }
  }

  #all(): Node {
    const nodes: Node[] = []
    for (this.#space(); this.#at < this.#text.length && !'|)'.includes(this.#text[this.#at] ?? ''); this.#space()) {
      nodes.push(this.#repeated(this.#one()))
    }
    return { type: 'all', nodes }
  }

  #repeated(node: Node): Node {
    if (this.#take('*', false)) return { type: 'repeat', node, least: 0, most: Infinity }
    if (this.#take('+', false)) return { type: 'repeat', node, least: 1, most: Infinity }
    if (this.#take('?', false)) return { type: 'repeat', node, least: 0, most: 1 }
    const [written, least, comma, most] = /^\{(\d+)(,?)(\d*)\}/.exec(this.#text.slice(this.#at)) ?? []
    if (written === undefined) return node
    this.#at += written.length
    return {
      type: 'repeat',
      node,
      least: Number(least),
      most: comma === '' ? Number(least) : most === '' ? Infinity : Number(most),
    }
  }

  #one(): Node {
    if (this.#take('(')) {
      const node = this.#any()
      if (!this.#take(')')) throw new Error('a group is not closed')
      return node
    }
    if (this.#take('"', false)) {
      let text = ''
      while (!this.#take('"', false)) text += String.fromCodePoint(this.#character())
      return { type: 'text', text }
    }
    if (this.#take('[', false)) return this.#set()
    const [name] = /^[a-zA-Z0-9-]+/.exec(this.#text.slice(this.#at)) ?? []
    if (name === undefined) throw new Error(`cannot read '${this.#text.slice(this.#at)}'`)
    this.#at += name.length
    return { type: 'rule', name }
  }

  #set(): Node {
    const isNegated = this.#take('^', false)
    const ranges: (readonly [number, number])[] = []
    while (!this.#take(']', false)) {
      const first = this.#character()
      if (this.#text[this.#at] === '-' && this.#text[this.#at + 1] !== ']') {
        this.#at += 1
        ranges.push([first, this.#character()])
      } else ranges.push([first, first])
    }
    return { type: 'set', isNegated, ranges }
  }

  #character(): number {
    const code = this.#text.codePointAt(this.#at)
    if (code === undefined) throw new Error('it ends too early')
    const character = String.fromCodePoint(code)
    this.#at += character.length
    if (character !== '\\') return code
    const kind = this.#text[this.#at++] ?? ''
    const digits = { x: 2, u: 4, U: 8 }[kind]
    if (digits !== undefined) {
      const hex = this.#text.slice(this.#at, this.#at + digits)
      this.#at += digits
      return Number.parseInt(hex, 16)
    }
    const control = { t: 9, r: 13, n: 10 }[kind]
    return control ?? (kind.codePointAt(0) as number)
  }

  #space(): void {
    while (this.#text[this.#at] === ' ') this.#at += 1
  }

  #take(character: string, skip = true): boolean {
    if (skip) this.#space()
    if (this.#text[this.#at] !== character) return false
    this.#at += 1
    return true
  }
}
