import fc from 'fast-check'
import { expect, test } from 'vitest'
import { jsonLines } from './json-lines.ts'

async function readAll(parts: readonly Uint8Array[], maxLineBytes?: number): Promise<unknown[]> {
  async function* stream(): AsyncGenerator<Uint8Array> {
    yield* parts
  }
  const values: unknown[] = []
  for await (const value of jsonLines(stream(), maxLineBytes)) values.push(value)
  return values
}

const bytes = (text: string): Uint8Array => Buffer.from(text)

test('lines are read however the bytes were cut', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.jsonValue()), fc.array(fc.nat({ max: 400 })), async (values, cuts) => {
      const whole = bytes(values.map((value) => `${JSON.stringify(value)}\n`).join(''))
      const places = [0, ...cuts.filter((cut) => cut < whole.length).sort((a, b) => a - b), whole.length]
      const parts = places.slice(1).map((end, index) => whole.subarray(places[index], end))
      expect(await readAll(parts)).toEqual(values.map((value) => JSON.parse(JSON.stringify(value)) as unknown))
    }),
  )
})

test('empty lines are none, and the last line needs no end', async () => {
  expect(await readAll([bytes('1\n\n \r\n2\r\n3')])).toEqual([1, 2, 3])
})

test('a line may be as long as the limit and not longer, with its end and while it still comes', async () => {
  const line = (length: number): string => `"${'a'.repeat(length - 2)}"`
  for (const end of ['\n', '']) {
    expect(await readAll([bytes(line(7) + end)], 8)).toHaveLength(1)
    expect(await readAll([bytes(line(8) + end)], 8)).toHaveLength(1)
    await expect(readAll([bytes(line(9) + end)], 8)).rejects.toMatchObject({ reason: 'engine-error' })
  }
})

test('what is no JSON is told with its beginning', async () => {
  await expect(readAll([bytes('<html>a proxy</html>\n')])).rejects.toThrow('no JSON: "<html>a proxy</html>"')
})
