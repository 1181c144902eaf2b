import assert from 'node:assert/strict'
import type { EngineLoss } from '../spec/provider.ts'
import { ANSWER_FORMS } from './answer-forms.ts'
import { ask, type ContractCheck, drain, never, read, rejects, text } from './contract-check.ts'
import { KEPT_STATES } from './kept-states.ts'

/**
 * What every provider keeps, fakes included. Run each check on a fresh {@link ProviderUnderTest}, but for those that may share one; an engine that lacks
 * an ability says so by name and reason, and its checks are reported as such, never skipped in silence.
 */
export const PROVIDER_CONTRACT: readonly ContractCheck[] = [
  {
    promise: 'load is "ensure": a second one succeeds at once and says the same',
    async run({ provider, model }) {
      const first = await provider.load(model, never())
      assert.ok(first.footprint.bytes > 0, 'a loaded model takes memory')
      assert.equal(first.contextTokens, model.contextTokens)
      assert.deepEqual(await provider.load(model, never()), first)
    },
  },
  {
    promise: 'an answer is text and exactly one end, with exact counts',
    mayShare: true,
    async run({ provider, model }) {
      await provider.load(model, never())
      const chunks = await read(provider.generate(model.id, ask('hello', 8), never()))
      const end = chunks.at(-1)
      assert.equal(end?.type, 'end')
      assert.ok(chunks.slice(0, -1).every(({ type }) => type === 'text'))
      assert.ok(end?.type === 'end' && end.usage.promptTokens > 0 && end.usage.generatedTokens <= 8)
      const { cachedTokens, promptTokens } = end.usage
      assert.ok(cachedTokens === null || (cachedTokens >= 0 && cachedTokens < promptTokens))
    },
  },
  {
    promise: 'maxTokens ends an answer with "length"',
    mayShare: true,
    async run({ provider, model }) {
      await provider.load(model, never())
      const end = (await read(provider.generate(model.id, ask('hello', 2), never()))).at(-1)
      assert.ok(end?.type === 'end')
      assert.equal(end.finishReason, 'length')
      assert.equal(end.usage.generatedTokens, 2)
    },
  },
  {
    promise: 'the same greedy request gets the same answer',
    mayShare: true,
    async run({ provider, model }) {
      await provider.load(model, never())
      const first = text(await read(provider.generate(model.id, ask('repeat', 12), never())))
      assert.equal(text(await read(provider.generate(model.id, ask('repeat', 12), never()))), first)
    },
  },
  {
    promise: 'a stop string ends the answer and is never sent',
    mayShare: true,
    async run({ provider, model }) {
      await provider.load(model, never())
      const whole = text(await read(provider.generate(model.id, ask('stop here', 16), never())))
      // A model of random weights writes broken characters, too, which no engine looks for.
      const stop = /[a-z]{2}/i.exec(whole.slice(2))?.[0] ?? whole.slice(2, 4)
      const chunks = await read(provider.generate(model.id, { ...ask('stop here', 16), stop: [stop] }, never()))
      assert.equal(text(chunks), whole.slice(0, whole.indexOf(stop)))
      const end = chunks.at(-1)
      assert.ok(end?.type === 'end' && end.finishReason === 'stop')
      assert.ok(end.stoppedBy === undefined || end.stoppedBy === stop, 'which one it was is told truly, or not')
    },
  },
  {
    promise: 'an aborted answer ends as cancelled, and the next one is served',
    mayShare: true,
    async run({ provider, model }) {
      await provider.load(model, never())
      const leaving = new AbortController()
      const answer = provider.generate(model.id, ask('abort', 500), leaving.signal)[Symbol.asyncIterator]()
      await answer.next()
      leaving.abort()
      await rejects('request-cancelled', drain(answer))
      await read(provider.generate(model.id, ask('after', 4), never()))
    },
  },
  {
    promise: 'an answer aborted before it began is cancelled',
    mayShare: true,
    async run({ provider, model }) {
      await provider.load(model, never())
      await rejects('request-cancelled', read(provider.generate(model.id, ask('early', 4), AbortSignal.abort())))
      await read(provider.generate(model.id, ask('after', 4), never()))
    },
  },
  {
    promise: 'a reader that leaves frees the place',
    mayShare: true,
    async run({ provider, model }) {
      await provider.load(model, never())
      for await (const chunk of provider.generate(model.id, ask('leave', 500), never())) if (chunk) break
      await read(provider.generate(model.id, ask('after', 4), never()))
    },
  },
  {
    promise: 'a prompt longer than the window is refused by name, and the next request works',
    mayShare: true,
    async run({ provider, model }) {
      await provider.load(model, never())
      const long = ask('word '.repeat(model.contextTokens * 10), 4)
      await rejects('context-too-long', read(provider.generate(model.id, long, never())))
      await read(provider.generate(model.id, ask('after', 4), never()))
    },
  },
  {
    promise: 'a prompt that begins like the last one reuses its KV state, and says how much of it',
    mayShare: true,
    needs: ['prefix-reuse'],
    async run({ provider, model }) {
      await provider.load(model, never())
      await read(provider.generate(model.id, ask('the very same beginning', 4), never()))
      const end = (await read(provider.generate(model.id, ask('the very same beginning', 4), never()))).at(-1)
      assert.ok(end?.type === 'end')
      assert.equal(end.usage.cachedTokens, end.usage.promptTokens - 1)
    },
  },
  {
    promise: 'a model that is not in memory answers with "engine-lost"',
    async run({ provider, model }) {
      await rejects('engine-lost', read(provider.generate(model.id, ask('nobody', 4), never())))
      await provider.load(model, never())
      await provider.unload(model.id)
      await rejects('engine-lost', read(provider.generate(model.id, ask('nobody', 4), never())))
    },
  },
  {
    promise: 'unload is "ensure", leaves no engine behind, and the model can be loaded again',
    async run({ provider, model, hasEngines }) {
      await provider.unload(model.id)
      await provider.load(model, never())
      await provider.unload(model.id)
      assert.equal(await hasEngines(), false)
      await provider.load(model, never())
      await read(provider.generate(model.id, ask('again', 4), never()))
    },
  },
  {
    promise: 'unloaded and loaded again with a smaller window it has that window, and answers with it',
    async run({ provider, model }) {
      await provider.load(model, never())
      await provider.unload(model.id)
      const smaller = { ...model, contextTokens: Math.floor(model.contextTokens / 2) }
      assert.equal((await provider.load(smaller, never())).contextTokens, smaller.contextTokens)
      await read(provider.generate(model.id, ask('again', 4), never()))
    },
  },
  {
    promise: 'unloaded and loaded again with a smaller batch it reads prompts that are longer than that, too',
    async run({ provider, model, hasEngines }) {
      await provider.load(model, never())
      await provider.unload(model.id)
      const smaller = { ...model, engine: { ...model.engine, batchTokens: 32 } }
      assert.equal((await provider.load(smaller, never())).contextTokens, model.contextTokens)
      const end = (await read(provider.generate(model.id, ask('a b c d '.repeat(12), 4), never()))).at(-1)
      assert.ok(end?.type === 'end' && end.usage.promptTokens > 32)
      await provider.unload(model.id)
      assert.equal(await hasEngines(), false)
    },
  },
  {
    promise: 'a missing file is told by name, is never worth a retry, and leaves nothing behind',
    async run({ provider, missing, model, hasEngines }) {
      await rejects('model-file-missing', provider.load(missing, never()))
      assert.equal(await hasEngines(), false)
      await provider.load(model, never())
    },
  },
  {
    promise: 'a load that is given up is cancelled, leaves nothing behind, and can be tried again',
    async run({ provider, model, hasEngines }) {
      const leaving = new AbortController()
      const load = provider.load(model, leaving.signal)
      leaving.abort()
      await rejects('request-cancelled', load)
      assert.equal(await hasEngines(), false)
      await provider.load(model, never())
    },
  },
  {
    promise: 'tokens are counted as they are served, whether the model is in memory or not',
    needs: ['counting'],
    async run({ provider, model }) {
      const { messages } = ask('how many are these?', 1)
      const before = await provider.countTokens(model, messages, never())
      await provider.load(model, never())
      const end = (await read(provider.generate(model.id, ask('how many are these?', 1), never()))).at(-1)
      assert.ok(end?.type === 'end')
      assert.equal(before, end.usage.promptTokens)
      assert.equal(await provider.countTokens(model, messages, never()), before)
    },
  },
  {
    promise: 'a missing file cannot be counted for, and says so by name',
    needs: ['counting'],
    async run({ provider, missing }) {
      await rejects('model-file-missing', provider.countTokens(missing, ask('x', 1).messages, never()))
    },
  },
  {
    promise: 'texts are embedded in their order, as vectors of length 1, and equal texts get equal ones',
    mayShare: true,
    needs: ['embeddings'],
    async run({ provider, model }) {
      await provider.load(model, never())
      const { vectors, promptTokens } = await provider.embed(model.id, ['one', 'another', 'one'], never())
      assert.equal(vectors.length, 3)
      assert.ok(promptTokens > 0)
      for (const vector of vectors) assert.ok(Math.abs(Math.hypot(...vector) - 1) < 1e-4)
      assert.deepEqual(vectors[0], vectors[2])
      await read(provider.generate(model.id, ask('after', 4), never()))
    },
  },
  {
    promise: 'embedding is cancelled by its signal, and needs a model in memory',
    needs: ['embeddings'],
    async run({ provider, model }) {
      await rejects('engine-lost', provider.embed(model.id, ['x'], never()))
      await provider.load(model, never())
      await rejects('request-cancelled', provider.embed(model.id, ['x'], AbortSignal.abort()))
    },
  },
  ...ANSWER_FORMS,
  ...KEPT_STATES,
  {
    promise: 'slots serve at once, and a prompt goes to the one that holds most of its beginning',
    needs: ['slots', 'prefix-reuse'],
    async run({ provider, model }) {
      await provider.load({ ...model, parallel: 2 }, never())
      const [first, second] = ['the first conversation', 'another one altogether']
      const order: string[] = []
      const follow = async (content: string): Promise<void> => {
        for await (const chunk of provider.generate(model.id, ask(content, 24), never()))
          order.push(`${chunk.type} ${content}`)
      }
      await Promise.all([follow(first), follow(second)])
      const begun = [first, second].map((content) => order.indexOf(`text ${content}`))
      const ended = [first, second].map((content) => order.indexOf(`end ${content}`))
      assert.ok(Math.max(...begun) < Math.min(...ended), 'neither waited for the other')
      for (const content of [second, first]) {
        const end = (await read(provider.generate(model.id, ask(content, 4), never()))).at(-1)
        assert.ok(end?.type === 'end' && end.usage.cachedTokens === end.usage.promptTokens - 1)
      }
    },
  },
  {
    promise: 'models on different weights serve side by side',
    async run({ provider, model, other }) {
      await Promise.all([provider.load(model, never()), provider.load(other, never())])
      const answers = [model, other].map(({ id }) => read(provider.generate(id, ask('together', 8), never())))
      for (const answer of await Promise.all(answers)) assert.equal(answer.at(-1)?.type, 'end')
    },
  },
  {
    promise: 'models on the same weights share an engine: the second adds only its context, and outlives the first',
    needs: ['shared-weights'],
    async run({ provider, model, sibling, hasEngines }) {
      const first = await provider.load(model, never())
      const second = await provider.load(sibling, never())
      assert.equal(second.pid, first.pid)
      assert.ok(second.footprint.bytes < first.footprint.bytes)
      assert.equal(await provider.measure(sibling.id), undefined)
      await provider.unload(model.id)
      const alone = await provider.measure(sibling.id)
      assert.ok(alone && alone.bytes > second.footprint.bytes, 'the weights are counted with the one that is left')
      await read(provider.generate(sibling.id, ask('alone', 4), never()))
      await provider.unload(sibling.id)
      assert.equal(await hasEngines(), false)
    },
  },
  {
    promise: 'a lost engine is told once, then its answers end as lost, and the model can be loaded again',
    needs: ['crash'],
    async run({ provider, model, crash }) {
      const losses: EngineLoss[] = []
      provider.onEngineLost((loss) => losses.push(loss))
      await provider.load(model, never())
      const answer = provider.generate(model.id, ask('lost', 500), never())[Symbol.asyncIterator]()
      await answer.next()
      const ended = rejects('engine-lost', drain(answer))
      await crash(model)
      await ended
      assert.deepEqual(
        losses.map(({ engineKey, cause }) => [engineKey, cause]),
        [[model.engineKey, 'crashed']],
      )
      await provider.load(model, never())
      await read(provider.generate(model.id, ask('again', 4), never()))
      assert.equal(losses.length, 1)
    },
  },
  {
    promise: 'an engine that has just died is told as lost before an answer fails for it',
    needs: ['crash'],
    async run({ provider, model, crash }) {
      const losses: EngineLoss[] = []
      provider.onEngineLost((loss) => losses.push(loss))
      await provider.load(model, never())
      await crash(model)
      for (let asked = 0; asked < 5; asked++) {
        await rejects('engine-lost', read(provider.generate(model.id, ask('too late', 4), never())))
        assert.equal(losses.length, 1)
      }
    },
  },
  {
    promise: 'an engine that stands still is told as stuck, its answer ends as such, and the model can be loaded again',
    needs: ['stall'],
    async run({ provider, model, stall }) {
      const losses: EngineLoss[] = []
      provider.onEngineLost((loss) => losses.push(loss))
      await provider.load(model, never())
      const answer = provider.generate(model.id, ask('stuck', 500), never())[Symbol.asyncIterator]()
      await answer.next()
      const ended = rejects('engine-stuck', drain(answer))
      await stall?.(model)
      await ended
      assert.deepEqual(
        losses.map(({ cause }) => cause),
        ['stuck'],
      )
      await provider.load(model, never())
      await read(provider.generate(model.id, ask('again', 4), never()))
    },
  },
  {
    promise: 'dispose ends every engine and tells of no loss',
    async run({ provider, model, other, hasEngines }) {
      const losses: EngineLoss[] = []
      provider.onEngineLost((loss) => losses.push(loss))
      await provider.load(model, never())
      await provider.load(other, never())
      await provider.dispose()
      assert.equal(await hasEngines(), false)
      assert.deepEqual(losses, [])
    },
  },
]
