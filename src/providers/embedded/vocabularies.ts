import type { Clock, Timer } from '../../spec/clock.ts'
import type { EngineKey } from '../../spec/model.ts'
import type { CountedPrompt } from '../../spec/token-count.ts'

/** A process that has read a tokenizer. */
export interface VocabularyProcess {
  readonly isOver: boolean
  loadVocabulary(modelPath: string): Promise<void>
  count(template: string | null, prompt: CountedPrompt): Promise<number>
  kill(): Promise<void>
}

/** Tokenizers kept at once: each is a process of some 150 MB. */
const MAX_VOCABULARIES = 2
/** How long one stays after its last use, ms. */
const LINGER_MS = 60_000

interface Vocabulary {
  readonly process: VocabularyProcess
  readonly ready: Promise<void>
  linger: Timer | undefined
  counting: number
}

/**
 * Counts tokens for models that are not in memory: a process reads the tokenizer alone (about 0.4 s, no weights), stays
 * for a minute and ends. Beyond {@link MAX_VOCABULARIES} the one unused for longest goes first.
 */
export class Vocabularies {
  readonly #clock: Clock
  readonly #start: () => VocabularyProcess
  /** In order of last use. */
  readonly #known = new Map<EngineKey, Vocabulary>()
  #isDisposed = false

  constructor(clock: Clock, start: () => VocabularyProcess) {
    this.#clock = clock
    this.#start = start
  }

  async count(key: EngineKey, modelPath: string, template: string | null, prompt: CountedPrompt): Promise<number> {
    const vocabulary = this.#use(key, modelPath)
    vocabulary.counting += 1
    try {
      await vocabulary.ready
      return await vocabulary.process.count(template, prompt)
    } catch (error) {
      if (vocabulary.process.isOver) this.#forget(key, vocabulary)
      throw error
    } finally {
      vocabulary.counting -= 1
      this.#linger(key, vocabulary)
    }
  }

  async dispose(): Promise<void> {
    this.#isDisposed = true
    const all = [...this.#known]
    for (const [key, vocabulary] of all) this.#forget(key, vocabulary)
    await Promise.all(all.map(([, { process }]) => process.kill()))
  }

  #use(key: EngineKey, modelPath: string): Vocabulary {
    const known = this.#known.get(key)
    const vocabulary = known && !known.process.isOver ? known : this.#open(key, modelPath)
    vocabulary.linger?.cancel()
    this.#known.delete(key)
    this.#known.set(key, vocabulary)
    return vocabulary
  }

  #open(key: EngineKey, modelPath: string): Vocabulary {
    for (const [oldest, vocabulary] of this.#known) {
      if (this.#known.size < MAX_VOCABULARIES) break
      if (vocabulary.counting === 0) this.#end(oldest, vocabulary)
    }
    const process = this.#start()
    const ready = process.loadVocabulary(modelPath)
    const vocabulary: Vocabulary = { process, ready, linger: undefined, counting: 0 }
    ready.catch(() => this.#end(key, vocabulary))
    return vocabulary
  }

  #linger(key: EngineKey, vocabulary: Vocabulary): void {
    if (this.#isDisposed || vocabulary.counting > 0) return
    vocabulary.linger?.cancel()
    vocabulary.linger = this.#clock.setTimer(LINGER_MS, () => this.#end(key, vocabulary))
  }

  #end(key: EngineKey, vocabulary: Vocabulary): void {
    this.#forget(key, vocabulary)
    void vocabulary.process.kill()
  }

  #forget(key: EngineKey, vocabulary: Vocabulary): void {
    vocabulary.linger?.cancel()
    if (this.#known.get(key) === vocabulary) this.#known.delete(key)
  }
}
