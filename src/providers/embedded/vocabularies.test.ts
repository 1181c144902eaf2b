import { expect, test } from 'vitest'
import { VirtualClock } from '../../testing/virtual-clock.ts'
import { Vocabularies, type VocabularyProcess } from './vocabularies.ts'

class Counter implements VocabularyProcess {
  isOver = false
  path = ''
  counted = 0
  readonly opened: PromiseWithResolvers<void> = Promise.withResolvers<void>()

  loadVocabulary(path: string): Promise<void> {
    this.path = path
    return this.opened.promise
  }

  async count(): Promise<number> {
    if (this.isOver) throw new Error('gone')
    this.counted += 1
    return 7
  }

  async kill(): Promise<void> {
    this.isOver = true
  }
}

class Stage {
  readonly clock = new VirtualClock(0)
  readonly started: Counter[] = []
  readonly vocabularies = new Vocabularies(this.clock, () => {
    const counter = new Counter()
    this.started.push(counter)
    return counter
  })

  async count(key: string): Promise<number> {
    const counted = this.vocabularies.count(key, `${key}.gguf`, null, { messages: [] })
    for (const { opened } of this.started) opened.resolve()
    return counted
  }

  get running(): string[] {
    return this.started.filter(({ isOver }) => !isOver).map(({ path }) => path)
  }
}

test('a vocabulary is read once and used again', async () => {
  const stage = new Stage()
  expect(await stage.count('a')).toBe(7)
  expect(await stage.count('a')).toBe(7)
  expect(stage.started.map(({ counted }) => counted)).toEqual([2])
})

test('counts at the same time share one process', async () => {
  const stage = new Stage()
  await Promise.all([stage.count('a'), stage.count('a')])
  expect(stage.started).toHaveLength(1)
})

test('the one unused for longest ends when a third is needed', async () => {
  const stage = new Stage()
  await stage.count('a')
  await stage.count('b')
  await stage.count('a')
  await stage.count('c')
  expect(stage.running).toEqual(['a.gguf', 'c.gguf'])
})

test('a vocabulary ends a minute after its last use', async () => {
  const stage = new Stage()
  await stage.count('a')
  await stage.clock.advanceTo(59_999)
  expect(stage.running).toEqual(['a.gguf'])
  await stage.count('a')
  await stage.clock.advanceTo(60_001)
  expect(stage.running).toEqual(['a.gguf'])
  await stage.clock.advanceTo(120_000)
  expect(stage.running).toEqual([])
})

test('a process that died is replaced by the next count', async () => {
  const stage = new Stage()
  await stage.count('a')
  const [first] = stage.started
  if (first) first.isOver = true
  expect(await stage.count('a')).toBe(7)
  expect(stage.started).toHaveLength(2)
})

test('a vocabulary that cannot be read is an error, and the next count tries again', async () => {
  const stage = new Stage()
  const refused = stage.vocabularies.count('a', 'a.gguf', null, { messages: [] })
  stage.started[0]?.opened.reject(new Error('no model'))
  await expect(refused).rejects.toThrow('no model')
  expect(await stage.count('a')).toBe(7)
  expect(stage.running).toEqual(['a.gguf'])
})

test('dispose ends every process', async () => {
  const stage = new Stage()
  await stage.count('a')
  await stage.count('b')
  await stage.vocabularies.dispose()
  expect(stage.running).toEqual([])
})
