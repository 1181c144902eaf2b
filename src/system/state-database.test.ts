import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { TemporaryFolder } from '../../test/support/system-ground.ts'
import { StateDatabase } from './state-database.ts'

const MIGRATIONS = [
  'CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT)',
  "ALTER TABLE note ADD COLUMN tag TEXT DEFAULT 'none'",
]

function open(path: string, migrations = MIGRATIONS): Promise<StateDatabase> {
  return StateDatabase.open({ path, migrations })
}

function texts(database: StateDatabase): unknown[] {
  return database
    .statement('SELECT text FROM note ORDER BY id')
    .all()
    .map((row) => row['text'])
}

test('what was written is there at the next start, and only its owner may read it', async () => {
  await using folder = await TemporaryFolder.make()
  const path = folder.at('state.db')
  using first = await open(path)
  first.transaction(() => first.statement('INSERT INTO note (text) VALUES (?)').run('kept'))
  for (const suffix of ['', '-wal', '-shm']) expect((await stat(path + suffix)).mode & 0o777, suffix).toBe(0o600)
  first.close()
  using second = await open(path)
  expect(texts(second)).toEqual(['kept'])
})

test('an older schema is brought forward with what it holds', async () => {
  await using folder = await TemporaryFolder.make()
  using old = await open(folder.at('state.db'), MIGRATIONS.slice(0, 1))
  old.statement('INSERT INTO note (text) VALUES (?)').run('old')
  old.close()
  using current = await open(folder.at('state.db'))
  expect(current.statement('SELECT text, tag FROM note').get()).toEqual({ text: 'old', tag: 'none' })
})

test('a migration that fails changes nothing', async () => {
  await using folder = await TemporaryFolder.make()
  using old = await open(folder.at('state.db'), MIGRATIONS.slice(0, 1))
  old.close()
  const broken = [...MIGRATIONS, 'CREATE TABLE note (again)']
  await expect(open(folder.at('state.db'), broken)).rejects.toThrow('already exists')
  using current = await open(folder.at('state.db'), MIGRATIONS.slice(0, 1))
  expect(Object.keys(current.statement("SELECT * FROM pragma_table_info('note')").all())).toHaveLength(2)
})

test('a newer schema is refused and left as it is', async () => {
  await using folder = await TemporaryFolder.make()
  using newer = await open(folder.at('state.db'))
  newer.close()
  const refused = open(folder.at('state.db'), MIGRATIONS.slice(0, 1))
  await expect(refused).rejects.toMatchObject({ reason: 'state-too-new', details: { version: 2, known: 1 } })
  using again = await open(folder.at('state.db'))
  expect(texts(again)).toEqual([])
})

test('a transaction is all or nothing', async () => {
  await using folder = await TemporaryFolder.make()
  using database = await open(folder.at('state.db'))
  const insert = database.statement('INSERT INTO note (text) VALUES (?)')
  const attempt = (): void =>
    database.transaction(() => {
      insert.run('one')
      database.transaction(() => insert.run('two'))
      throw new Error('after two writes')
    })
  expect(attempt).toThrow('after two writes')
  expect(texts(database)).toEqual([])
  database.transaction(() => insert.run('three'))
  expect(texts(database)).toEqual(['three'])
})

test('no room is said as such, and what was there stays', async () => {
  await using folder = await TemporaryFolder.make()
  using database = await open(folder.at('state.db'))
  const insert = database.statement('INSERT INTO note (text) VALUES (?)')
  database.transaction(() => insert.run('small'))
  database.statement('PRAGMA max_page_count=4').get()
  const write = (): unknown => database.transaction(() => insert.run('x'.repeat(100_000)))
  expect(write).toThrow(expect.objectContaining({ reason: 'disk-full' }))
  expect(texts(database)).toEqual(['small'])
})

test('a file that is no database is set aside and said so; without anyone to tell it is an error', async () => {
  await using folder = await TemporaryFolder.make()
  const path = folder.at('state.db')
  await writeFile(path, 'this is text, and long enough to be looked at as a header of something '.repeat(20))
  await expect(open(path)).rejects.toThrow('not a database')
  const told: string[] = []
  using database = await StateDatabase.open({
    path,
    migrations: MIGRATIONS,
    onSetAside: (...paths) => told.push(...paths),
  })
  expect(texts(database)).toEqual([])
  expect(told[0]).toBe(path)
  expect(await readFile(told[1] ?? '', 'utf8')).toContain('this is text')
})

/** Overwrites what lies behind the header. */
async function damage(path: string, fromByte: number, bytes: number): Promise<void> {
  const content = await readFile(path)
  content.fill(0x5a, fromByte, Math.min(content.length, fromByte + bytes))
  await writeFile(path, content)
}

async function filled(path: string): Promise<void> {
  using database = await open(path)
  for (let i = 0; i < 400; i++) database.statement('INSERT INTO note (text) VALUES (?)').run('x'.repeat(400))
  await database.forget()
}

test('a database that opens and is damaged inside is set aside, too', async () => {
  await using folder = await TemporaryFolder.make()
  const path = folder.at('state.db')
  await filled(path)
  await damage(path, 5_000, 40_000)
  await expect(open(path)).rejects.toMatchObject({ reason: 'state-unusable' })
  const told: string[] = []
  using database = await StateDatabase.open({
    path,
    migrations: MIGRATIONS,
    onSetAside: (...paths) => told.push(...paths),
  })
  expect(texts(database)).toEqual([])
  expect(told[0]).toBe(path)
})

test('damage that shows itself while it is open is told, and the next start sets the file aside', async () => {
  await using folder = await TemporaryFolder.make()
  const path = folder.at('state.db')
  await filled(path)
  using database = await open(path)
  await damage(path, 5_000, 100_000)
  database.statement('PRAGMA cache_size=0').get()
  expect(() => database.statement('SELECT text FROM note').all()).toThrow(
    expect.objectContaining({ reason: 'state-unusable' }),
  )
  database.close()
  let aside = ''
  using next = await StateDatabase.open({ path, migrations: MIGRATIONS, onSetAside: (_, to) => (aside = to) })
  expect(texts(next)).toEqual([])
  expect(aside).toContain('.unreadable-')
})

test('a folder in its place is said by name', async () => {
  await using folder = await TemporaryFolder.make({ 'state.db/file': '' })
  await expect(open(folder.at('state.db'))).rejects.toMatchObject({
    reason: 'state-unusable',
    message: expect.stringContaining(folder.at('state.db')),
  })
})

test('a log that has grown is moved into the database beside the work', async () => {
  await using folder = await TemporaryFolder.make()
  const path = folder.at('state.db')
  const faults: unknown[] = []
  using database = await StateDatabase.open({ path, migrations: MIGRATIONS, onFault: (error) => faults.push(error) })
  const insert = database.statement('INSERT INTO note (text) VALUES (?)')
  for (let i = 0; i < 640; i++) database.transaction(() => insert.run('x'.repeat(10_000)))
  await database.settled()
  expect(faults).toEqual([])
  expect((await stat(path)).size).toBeGreaterThan(4_000_000)
})

test('what was deleted and forgotten is in none of the files', async () => {
  await using folder = await TemporaryFolder.make()
  const path = folder.at('state.db')
  using database = await open(path)
  database.transaction(() => database.statement('INSERT INTO note (text) VALUES (?)').run('a-secret-of-mine'))
  const holds = async (): Promise<boolean> => {
    const files = await Promise.all([readFile(path), readFile(`${path}-wal`)])
    return files.some((bytes) => bytes.includes('a-secret-of-mine'))
  }
  expect(await holds()).toBe(true)
  database.transaction(() => database.statement('DELETE FROM note').run())
  await database.forget()
  expect(await holds()).toBe(false)
})

test('everything said to be written survives kill -9', { timeout: 60_000 }, async () => {
  await using folder = await TemporaryFolder.make()
  const path = folder.at('state.db')
  const module = JSON.stringify(new URL('state-database.ts', import.meta.url).href)
  const script = `
    const { StateDatabase } = await import(${module})
    const database = await StateDatabase.open({ path: ${JSON.stringify(path)}, migrations: ${JSON.stringify(MIGRATIONS)} })
    for (let i = 1; ; i++) {
      database.transaction(() => database.statement('INSERT INTO note (text) VALUES (?)').run('n' + i))
      process.stdout.write(i + '\\n')
      if (i % 50 === 0) await new Promise(setImmediate)
    }`
  for (const waitFor of [1, 70, 400]) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let said = ''
    for await (const part of child.stdout) {
      said += String(part)
      if (said.split('\n').length > waitFor) child.kill('SIGKILL')
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    const acknowledged = Number(said.trimEnd().split('\n').at(-1))
    using database = await open(path)
    const kept = database.statement('SELECT MAX(CAST(substr(text, 2) AS INTEGER)) AS most FROM note').get()?.['most']
    expect(Number(kept)).toBeGreaterThanOrEqual(acknowledged)
    database.transaction(() => database.statement('DELETE FROM note').run())
  }
})

test('what is written in one turn of the event loop is committed together, and is there once that resolves', async () => {
  await using folder = await TemporaryFolder.make()
  using database = await open(folder.at('state.db'))
  using beside = await open(folder.at('state.db'))
  const add = (text: string): unknown => database.statement('INSERT INTO note (text) VALUES (?)').run(text)
  const both = [database.grouped(() => add('one')), database.grouped(() => add('two'))]
  expect([texts(database), texts(beside)]).toEqual([['one', 'two'], []])
  await both[0]
  expect(texts(beside)).toEqual(['one', 'two'])
  await both[1]
})

test('one of them that fails undoes nothing but itself', async () => {
  await using folder = await TemporaryFolder.make()
  using database = await open(folder.at('state.db'))
  const add = (text: string): unknown => database.statement('INSERT INTO note (text) VALUES (?)').run(text)
  const failing = (): void => {
    add('undone')
    throw new Error('changed my mind')
  }
  const ended = await Promise.allSettled([
    database.grouped(() => add('one')),
    database.grouped(failing),
    database.grouped(() => add('two')),
  ])
  expect(ended.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(texts(database)).toEqual(['one', 'two'])
})

test('a transaction of its own and the end take those along that wait', async () => {
  await using folder = await TemporaryFolder.make()
  const path = folder.at('state.db')
  using database = await open(path)
  using beside = await open(path)
  const add = (text: string): unknown => database.statement('INSERT INTO note (text) VALUES (?)').run(text)
  const first = database.grouped(() => add('one'))
  database.transaction(() => add('two'))
  expect(texts(beside)).toEqual(['one', 'two'])
  const last = database.grouped(() => add('three'))
  database.close()
  expect(texts(beside)).toEqual(['one', 'two', 'three'])
  await Promise.all([first, last])
})
