import fc from 'fast-check'
import { expect, test } from 'vitest'
import { StopStrings } from './stop-strings.ts'

/** Feeds the pieces and returns all that was sent, and the stop that was reached. */
function feed(pieces: readonly string[], stops: readonly string[]): { text: string; reached: string | undefined } {
  const finder = new StopStrings(stops)
  let sent = ''
  for (const piece of pieces) {
    const { text, reached } = finder.push(piece)
    sent += text
    if (reached !== undefined) return { text: sent, reached }
  }
  return { text: sent + finder.rest(), reached: undefined }
}

test('a stop string that comes in pieces is found and not sent', () => {
  expect(feed(['Hello w', 'or', 'ld'], ['world'])).toEqual({ text: 'Hello ', reached: 'world' })
})

test('text that only begins like a stop string is sent after all', () => {
  expect(feed(['Hello wor', 'k'], ['world'])).toEqual({ text: 'Hello work', reached: undefined })
  expect(feed(['Hello wor'], ['world'])).toEqual({ text: 'Hello wor', reached: undefined })
})

test('the earliest of several stop strings ends the text', () => {
  expect(feed(['abcdef'], ['ef', 'cd'])).toEqual({ text: 'ab', reached: 'cd' })
})

test('no stop strings, or empty ones, stop nothing', () => {
  expect(feed(['a', '', 'b'], [''])).toEqual({ text: 'ab', reached: undefined })
})

test('however text is cut, what is sent is the text before the first stop that was completed', () => {
  const letters = fc.array(fc.constantFrom('a', 'b', '\n'), { maxLength: 30 })
  const stop = fc.array(fc.constantFrom('a', 'b', '\n'), { minLength: 1, maxLength: 4 }).map((all) => all.join(''))
  fc.assert(
    fc.property(
      letters,
      fc.array(fc.nat(5), { maxLength: 30 }),
      fc.array(stop, { maxLength: 3 }),
      (all, cuts, stops) => {
        const whole = all.join('')
        const pieces: string[] = []
        let rest = whole
        for (const length of cuts) {
          pieces.push(rest.slice(0, length))
          rest = rest.slice(length)
        }
        pieces.push(rest)
        const { text, reached } = feed(pieces, stops)
        const hasStop = stops.some((one) => whole.includes(one))
        expect(reached !== undefined).toBe(hasStop)
        expect(whole.startsWith(text)).toBe(true)
        if (reached !== undefined) expect(whole.startsWith(text + reached)).toBe(true)
        else expect(text).toBe(whole)
        for (const one of stops) expect(text.includes(one)).toBe(false)
      },
    ),
  )
})

test('nothing is held back longer than a stop string could still need', () => {
  fc.assert(
    fc.property(fc.string(), fc.string({ minLength: 1, maxLength: 8 }), (text, stop) => {
      const finder = new StopStrings([stop])
      const { text: sent, reached } = finder.push(text)
      if (reached === undefined) expect(text.length - sent.length).toBeLessThan(stop.length)
    }),
  )
})
