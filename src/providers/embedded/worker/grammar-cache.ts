import { type Llama, LlamaGrammar, LlamaGrammarEvaluationState, type LlamaModel } from 'node-llama-cpp'
import { keepNewest } from '../../../spec/keep-newest.ts'

/** Grammars that are kept parsed: clients ask for the same form again and again. */
const MAX_GRAMMARS = 16

/** Parsed grammars of this process, the least recently used forgotten. */
export class GrammarCache {
  readonly #llama: Llama
  readonly #grammars = new Map<string, LlamaGrammar>()

  constructor(llama: Llama) {
    this.#llama = llama
  }

  /** A fresh state at the beginning of a grammar (GBNF). */
  begin(text: string, model: LlamaModel): LlamaGrammarEvaluationState {
    const grammar = this.#grammars.get(text) ?? new LlamaGrammar(this.#llama, { grammar: text })
    this.#grammars.delete(text)
    this.#grammars.set(text, grammar)
    keepNewest(this.#grammars, MAX_GRAMMARS)
    return new LlamaGrammarEvaluationState({ model, grammar })
  }
}
