import { readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { commonLength } from '../../src/spec/common-length.ts'
import type { OpenState, SaveReason, StateCacheSettings, StateDraft, StateKey } from '../../src/spec/state-cache.ts'
import { again, KEY, type Stage, stage } from '../support/kv-ground.ts'
import type { Random } from './random.ts'

/** What the world knows of a state that was saved. */
interface Saved {
  readonly owner: string
  readonly conversationId: string
  readonly key: StateKey
  readonly tokens: Uint32Array
  readonly payload: Buffer
}

interface Found {
  readonly open: OpenState
  readonly saved: Saved
}

interface Conversation {
  readonly owner: string
  readonly id: string
  tokens: Uint32Array
}

const OTHER_BUILD: StateKey = { ...KEY, engine: 'e2' }
const REASONS: readonly SaveReason[] = ['rhythm', 'displaced', 'unload', 'cache', 'shutdown']
/** Of a conversation: states are small, and there are many of them. */
const MOST_TOKENS = 500
const HOUR_MS = 3_600_000

/**
 * Conversations of two owners that grow, branch and are deleted, above a real cache on a real folder that is small, damaged,
 * killed and opened again. Every act checks what it was given against what was saved; {@link check} looks at the rest.
 */
export class KvCacheWorld {
  readonly #random: Random
  readonly #settings: Partial<StateCacheSettings>
  readonly #saved = new Map<string, Saved>()
  readonly #conversations: Conversation[] = []
  readonly #gone = new Set<string>()
  readonly #held: Found[] = []
  /** Names whose files somebody deleted, which shows when they are asked for. */
  readonly #lostNames = new Set<string>()
  #stage: Stage
  #made = 0
  /** How often each act did something; a world in which nothing is found proves nothing. */
  readonly done: Record<string, number> = {}

  private constructor(random: Random, settings: Partial<StateCacheSettings>, first: Stage) {
    this.#random = random
    this.#settings = settings
    this.#stage = first
  }

  static async make(random: Random): Promise<KvCacheWorld> {
    const settings: Partial<StateCacheSettings> = {
      maxBytes: random.integer(30_000, 200_000),
      maxEntries: random.integer(3, 20),
      minTokens: 70,
      ttlMs: 9 * HOUR_MS,
      isEncrypted: random.chance(0.3),
      compression: random.chance(0.5) ? 'auto' : 'off',
    }
    return new KvCacheWorld(random, settings, await stage(settings))
  }

  async act(): Promise<void> {
    const acts: readonly (readonly [name: string, weight: number, act: () => Promise<boolean>])[] = [
      ['save', 6, () => this.#saveSome()],
      ['find', 16, () => this.#find()],
      ['hold', 2, () => this.#hold()],
      ['release', 2, () => this.#release()],
      ['reject', 1, () => this.#reject()],
      ['forget', 1, () => this.#forget()],
      ['prune', 2, async () => (await this.#stage.cache.prune()).removed > 0],
      ['clear', 0.1, async () => (await this.#stage.cache.clear()).removed > 0],
      ['damage', 3, () => this.#damage()],
      ['time', 1, () => this.#passTime()],
      ['kill', 1, () => this.#openAgain()],
    ]
    let at = this.#random.ratio() * acts.reduce((sum, [, weight]) => sum + weight, 0)
    const [name, , act] = acts.find(([, weight]) => (at -= weight) < 0) ?? acts[0] ?? []
    if (!name || !act) throw new Error('there are acts')
    if (await act()) this.done[name] = (this.done[name] ?? 0) + 1
  }

  /** What is wrong now; empty = nothing. */
  async check(): Promise<string[]> {
    const wrong: string[] = []
    const { cache, folder } = this.#stage
    const { bytes, entries } = cache.report()
    const { maxBytes = 0, maxEntries = 0 } = this.#settings
    if (bytes > maxBytes) wrong.push(`it says that it takes ${bytes} of ${maxBytes} bytes`)
    if (entries > maxEntries) wrong.push(`${entries} of ${maxEntries} entries`)
    const files = await readdir(folder)
    const kept = files.filter((name) => /\.cache(\.corrupt)?$/.test(name))
    const sizes = await Promise.all(kept.map(async (name) => (await stat(join(folder, name))).size))
    const diskBytes = sizes.reduce((sum, size) => sum + size, 0)
    if (diskBytes > maxBytes) wrong.push(`${diskBytes} bytes of ${maxBytes} lie there: ${kept.join(' ')}`)
    for (const { entryId, conversationId } of cache.list()) {
      if (!files.includes(entryId) && !this.#lostNames.has(entryId)) wrong.push(`${entryId} has no file`)
      if (conversationId !== undefined && this.#gone.has(conversationId)) wrong.push(`${entryId} was to be forgotten`)
    }
    const temporary = files.filter((name) => /^[0-9a-f]{16}\.tmp$/.test(name)).length
    if (temporary > 2 * this.#held.length) wrong.push(`${temporary} files are left over`)
    return wrong
  }

  async end(): Promise<void> {
    for (const { open } of this.#held.splice(0)) await open[Symbol.asyncDispose]()
  }

  /** One to four at once: for the last room they are rivals. */
  async #saveSome(): Promise<boolean> {
    const saves = Array.from({ length: this.#random.integer(1, 4) }, () => this.#save())
    return (await Promise.all(saves)).includes(true)
  }

  async #save(): Promise<boolean> {
    const conversation = this.#goOn()
    const { owner, id, tokens } = conversation
    const key = this.#random.chance(0.9) ? KEY : OTHER_BUILD
    const payload = this.#payload(tokens.length)
    const reason = this.#random.pick(REASONS)
    const isAbandoned = this.#random.chance(0.1)
    const expectedBytes = Math.floor(payload.length * (0.5 + this.#random.ratio()))
    const state = { key, modelId: 'm:1', owner: { owner, conversationId: id }, expectedBytes, canBeCut: true, reason }
    const draft = await this.#stage.cache.begin({ ...state, tokens: tokens.length, unsavedTokens: tokens.length })
    if ('refused' in draft) return false
    await writeFile(draft.path, payload)
    if (isAbandoned) {
      await draft.abandon()
      return false
    }
    const saved = await commit(draft, tokens)
    if (saved === undefined) return false
    this.#lostNames.delete(saved)
    this.#saved.set(saved, { owner, conversationId: id, key, tokens, payload })
    return true
  }

  async #find(): Promise<boolean> {
    const { open } = (await this.#lookFor()) ?? {}
    if (!open) return false
    if (this.#random.chance(0.8)) open.noteRestored({ tokens: open.commonTokens, restoreMs: 1, savedMs: null })
    await open[Symbol.asyncDispose]()
    return true
  }

  async #hold(): Promise<boolean> {
    const found = await this.#lookFor()
    if (found) this.#held.push(found)
    return found !== undefined
  }

  async #release(): Promise<boolean> {
    const held = this.#held.shift()
    if (!held) return false
    const { open, saved } = held
    // Whatever became of its entry, what was handed out stays as it was.
    await judge(open, saved, 'held')
    await open[Symbol.asyncDispose]()
    return true
  }

  async #reject(): Promise<boolean> {
    const { open } = (await this.#lookFor()) ?? {}
    if (!open) return false
    await open.reject('the engine went on from nothing')
    await open[Symbol.asyncDispose]()
    if (this.#stage.cache.list().some(({ entryId }) => entryId === open.entryId)) throw new Error('it is still listed')
    return true
  }

  async #lookFor(): Promise<Found | undefined> {
    const { owner, tokens } = this.#goOn()
    const key = this.#random.chance(0.9) ? KEY : OTHER_BUILD
    const mustBeWhole = this.#random.chance(0.2)
    const moreThanTokens = this.#random.integer(0, 80)
    const open = await this.#stage.cache.find({ key, owner, tokens, moreThanTokens, mustBeWhole })
    if (!open) return undefined
    const saved = this.#saved.get(open.entryId)
    if (!saved) throw new Error(`found ${open.entryId}, which was never saved`)
    await judge(open, saved, 'found')
    const common = commonLength(saved.tokens, tokens)
    if (saved.owner !== owner || saved.key !== key) throw new Error(`${open.entryId} is somebody else’s`)
    if (open.commonTokens !== common || common <= moreThanTokens) throw new Error(`${common} tokens in common`)
    if (mustBeWhole && common < saved.tokens.length) throw new Error('it has more than the prompt')
    if (this.#gone.has(saved.conversationId)) throw new Error('its conversation was deleted')
    return { open, saved }
  }

  async #forget(): Promise<boolean> {
    const [gone] = this.#conversations.splice(this.#random.integer(0, this.#conversations.length), 1)
    if (!gone) return false
    this.#gone.add(gone.id)
    await this.#stage.cache.forgetConversations([gone.id])
    return true
  }

  async #damage(): Promise<boolean> {
    const isHeld = (entryId: string): boolean => this.#held.some(({ open }) => open.entryId === entryId)
    const entries = this.#stage.cache.list().filter(({ entryId }) => !isHeld(entryId) && !this.#lostNames.has(entryId))
    if (entries.length === 0) return false
    const { path, entryId, bytes } = this.#random.pick(entries)
    const other = this.#random.pick(entries)
    const at = this.#random.integer(0, bytes - 1)
    switch (this.#random.integer(0, 3)) {
      case 0: {
        const file = await readFile(path)
        file[at] = (file[at] ?? 0) ^ (1 << this.#random.integer(0, 7))
        await writeFile(path, file)
        break
      }
      case 1:
        await truncate(path, at)
        break
      case 2:
        await rm(path)
        this.#lostNames.add(entryId)
        break
      default:
        // While nothing runs: a trailer tells what a file is, not its name.
        await swap(path, other.path)
        this.#swapSaved(entryId, other.entryId)
        return this.#openAgain()
    }
    return true
  }

  #swapSaved(one: string, other: string): void {
    const [first, second] = [this.#saved.get(one), this.#saved.get(other)]
    if (!first || !second) throw new Error('what is listed was saved')
    this.#saved.set(one, second).set(other, first)
  }

  async #passTime(): Promise<boolean> {
    const { clock } = this.#stage
    await clock.advanceTo(clock.nowMs() + this.#random.timeMs(0, 9 * HOUR_MS))
    return true
  }

  /** As a process that was killed, or ended, leaves it, whatever was on its way. */
  async #openAgain(): Promise<boolean> {
    await this.end()
    if (this.#random.chance(0.5)) {
      const tokens = this.#goOn().tokens
      const owner = { owner: 'local' }
      const state = { key: KEY, modelId: 'm:1', owner, expectedBytes: 100, canBeCut: true, reason: 'unload' } as const
      await this.#stage.cache.begin({ ...state, tokens: tokens.length, unsavedTokens: tokens.length })
    }
    this.#stage = await again(this.#stage, this.#settings)
    return true
  }

  /** One of the conversations, mostly with more than it had, sometimes cut and with another end. */
  #goOn(): Conversation {
    const isNew = this.#conversations.length === 0 || this.#random.chance(0.1)
    const conversation = isNew ? this.#begin() : this.#random.pick(this.#conversations)
    const cut = this.#random.chance(0.1) ? this.#random.integer(0, conversation.tokens.length) : undefined
    const before = conversation.tokens.subarray(0, cut)
    const room = Math.max(0, MOST_TOKENS - before.length)
    const more = Array.from({ length: this.#random.integer(0, Math.min(150, room)) }, () =>
      this.#random.integer(0, 50_000),
    )
    conversation.tokens = Uint32Array.from([...before, ...more])
    return conversation
  }

  #begin(): Conversation {
    this.#made += 1
    // Some begin alike, as conversations with one system prompt do.
    const alike = this.#conversations.length > 0 && this.#random.chance(0.5)
    const tokens = alike ? this.#random.pick(this.#conversations).tokens.slice(0, 128) : new Uint32Array()
    const conversation = { owner: this.#random.pick(['local', 'key:1']), id: `c${this.#made}`, tokens }
    this.#conversations.push(conversation)
    return conversation
  }

  #payload(tokens: number): Buffer {
    const bytes = Buffer.alloc(tokens * this.#random.integer(5, 60), this.#random.integer(0, 255))
    // What shrinks is kept in another form than what does not.
    const step = this.#random.pick([1, 1, 200])
    for (let at = 0; at < bytes.length; at += step) bytes[at] = this.#random.integer(0, 255)
    return bytes
  }
}

async function judge(open: OpenState, { payload, tokens }: Saved, how: string): Promise<void> {
  const bytes = (await readFile(open.path)).subarray(0, open.payloadBytes)
  if (!bytes.equals(payload)) throw new Error(`${how} ${open.entryId} with another payload`)
  if (open.tokens.length !== tokens.length || commonLength(open.tokens, tokens) !== tokens.length)
    throw new Error(`${how} ${open.entryId} with other tokens`)
}

async function commit(draft: StateDraft, tokens: Uint32Array): Promise<string | undefined> {
  try {
    return (await draft.commit(tokens)).entryId
  } catch (error) {
    // What turned out larger than it was said to be may have no room; nothing else can go wrong here.
    if (error instanceof Error && /no room for it/.test(error.message)) return undefined
    throw error
  }
}

async function swap(one: string, other: string): Promise<void> {
  if (one === other) return
  await rename(one, `${one}.x`)
  await rename(other, one)
  await rename(`${one}.x`, other)
}
