import { Command, CommanderError } from 'commander'
import { expect, test, vi } from 'vitest'
import { buildProgram, main } from './main.ts'
import { addStateVerbs } from './state-verbs.ts'

/** The verbs alone; what one of them was called with is returned. */
async function called(...args: string[]): Promise<readonly unknown[]> {
  const program = new Command('grym').exitOverride().configureOutput({ writeErr: () => {} })
  let values: readonly unknown[] = []
  addStateVerbs({
    verb: (name, description, _, group = program) => group.command(name).description(description).exitOverride(),
    runs:
      () =>
      async (...given) =>
        void (values = given.slice(0, -1)),
  })
  for (const group of program.commands) group.configureOutput({ writeErr: () => {} })
  await program.parseAsync(args, { from: 'user' })
  return values
}

test('options reach their verbs', async () => {
  expect(await called('explain', 'smollm2')).toEqual(['smollm2', { limit: 50 }])
  expect(await called('trace', 'export')).toEqual([undefined, {}])
  expect(await called('trace', 'export', 'a.jsonl', '--force')).toEqual(['a.jsonl', { force: true }])
  expect(await called('conversations', 'export', '--all')).toEqual([undefined, { all: true, format: 'json' }])
  expect(await called('conversations', 'delete', '--all', '--yes')).toEqual([undefined, { all: true, yes: true }])
})

test.each([
  ['0', undefined],
  ['1', 1],
  ['10000', 10_000],
  ['10001', undefined],
  ['1.5', undefined],
  ['', undefined],
  ['many', undefined],
])('--limit %j: %s', async (text, limit) => {
  const asked = called('explain', 'x', '--limit', text)
  if (limit === undefined) await expect(asked).rejects.toThrow(CommanderError)
  else expect(await asked).toEqual(['x', { limit }])
})

test('verbs below a group show an example of their own', () => {
  const below = buildProgram(() => {}).commands.flatMap((group) => group.commands.map((verb) => ({ group, verb })))
  const names = below.map(({ group, verb }) => `grym ${group.name()} ${verb.name()}`)
  const helps = below.map(({ verb }) => {
    let text = ''
    verb.configureOutput({ writeOut: (part) => (text += part) })
    verb.outputHelp()
    return text
  })
  expect(names.filter((name, index) => !helps[index]?.includes(`Example:\n  ${name}`))).toEqual([])
  expect(names).toContain('grym trace export')
})

test.each([
  [2, ['trace']],
  [2, ['conversations', 'burn']],
  [0, ['trace', '--help']],
  [0, ['help', 'conversations']],
  [2, []],
])('exit code %i: grym %j', async (code, args) => {
  const spies = [process.stdout, process.stderr].map((stream) => vi.spyOn(stream, 'write').mockReturnValue(true))
  expect(await main(args)).toBe(code)
  for (const spy of spies) spy.mockRestore()
})
