import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { streamEvents, type StreamEvent } from './event-stream.ts'

async function read(pieces: readonly (string | Uint8Array)[]): Promise<StreamEvent[]> {
  const events: StreamEvent[] = []
  const bytes = pieces.map((piece) => (typeof piece === 'string' ? new TextEncoder().encode(piece) : piece))
  async function* body(): AsyncGenerator<Uint8Array> {
    yield* bytes
  }
  for await (const event of streamEvents(body(), () => {})) events.push(event)
  return events
}

describe('a stream of events', () => {
  test('is events between empty lines; comments and unknown fields are none', async () => {
    const text = ': ping\n\nid: 1\ndata: {"a":1}\n\nevent: error\ndata:x\ndata\ndata: y\n\n: end\n\ndata: [DONE]\n\n'
    expect(await read([text])).toEqual([
      { name: 'message', data: '{"a":1}' },
      { name: 'error', data: 'x\n\ny' },
      { name: 'message', data: '[DONE]' },
    ])
  })

  test('is the same wherever it is cut, and with every kind of line end', async () => {
    const events = [
      { name: 'message', data: 'ä→🙂' },
      { name: 'error', data: 'zwei\nZeilen' },
    ]
    for (const end of ['\n', '\r\n', '\r']) {
      const lines = ['data: ä→🙂', '', 'event: error', 'data: zwei', 'data: Zeilen', '', ': fin', '']
      const bytes = new TextEncoder().encode(lines.map((line) => line + end).join(''))
      await fc.assert(
        fc.asyncProperty(fc.array(fc.nat(bytes.length)), async (cuts) => {
          const places = [0, ...cuts.sort((a, b) => a - b), bytes.length]
          const pieces = places.slice(1).map((place, at) => bytes.subarray(places[at], place))
          expect(await read(pieces)).toEqual(events)
        }),
        { numRuns: 60 },
      )
    }
  })

  test('leaves out an event that the stream breaks off in', async () => {
    expect(await read(['data: whole\n\ndata: half\n'])).toEqual([{ name: 'message', data: 'whole' }])
  })

  test('is not read on when an event does not end', async () => {
    const piece = 'x'.repeat(1_048_576)
    await expect(read(['data: ', piece, piece, piece, piece])).rejects.toThrow('single event')
    await expect(
      read([`data: ${piece}\n`, `data: ${piece}\n`, `data: ${piece}\n`, `data: ${piece}\n`]),
    ).rejects.toThrow('single event')
    expect(await read(['data: ', piece, piece, piece, '\n\n'])).toHaveLength(1)
  })

  test('tells of every piece that comes, comments among them', async () => {
    let count = 0
    async function* body(): AsyncGenerator<Uint8Array> {
      for (const piece of [':\n\n', ':\n\n', 'data: x\n\n']) yield new TextEncoder().encode(piece)
    }
    for await (const _ of streamEvents(body(), () => count++)) expect(count).toBe(3)
  })
})
