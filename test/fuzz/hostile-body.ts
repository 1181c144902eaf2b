import type { Random } from '../simulation/random.ts'
import { honestBody } from './honest-body.ts'

/** Values that no field means, and some that one does. */
const VALUES: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e308,
  Number.MAX_SAFE_INTEGER,
  '',
  'a',
  'unknown',
  '../../etc/passwd',
  '\0',
  '\ud800',
  'a\r\nX-Injected: 1',
  '\u202e\ufeff',
  'x'.repeat(5_000),
  [],
  {},
  [null],
  [[[[]]]],
  { type: 'text' },
  { type: '__proto__' },
  { constructor: { prototype: { isAdmin: true } } },
  { toString: 1, valueOf: null, length: 1e9 },
  JSON.parse('{"then":"x"}'),
]
const STRANGE_KEYS = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  '',
  '\0',
  'then',
  'length',
  '0',
]

export interface HostileBody {
  readonly name: string
  readonly bytes: Buffer
}

/** A body for this route: one that its fields almost make, with something wrong in it. */
export function hostileBody(random: Random, path: string): HostileBody {
  const body = structuredClone(honestBody(path)) as Record<string, unknown>
  switch (random.integer(0, 11)) {
    case 0:
      return {
        name: 'text',
        bytes: Buffer.from(
          random.pick(['', ' ', '{', '[', 'null', '1', '"x"', 'NaN', '{"a":1,}', "{'a':1}", '{"a":1}x', '\ufeff{}']),
        ),
      }
    case 1:
      return {
        name: 'bytes',
        bytes: Buffer.from(Array.from({ length: random.integer(1, 200) }, () => random.integer(0, 255))),
      }
    case 2:
      return {
        name: 'bad UTF-8',
        bytes: withBytes(
          body,
          random.pick([[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xf8, 0x88, 0x80, 0x80, 0x80], [0x00]]),
        ),
      }
    case 3:
      return { name: 'deep', bytes: deep(random) }
    case 4:
      return { name: 'cut', bytes: cut(random, JSON.stringify(body)) }
    case 5: {
      const text = JSON.stringify(body)
      const key = JSON.stringify(random.pick(STRANGE_KEYS))
      return {
        name: 'strange key',
        bytes: Buffer.from(`{${key}:${JSON.stringify(random.pick(VALUES))},${text.slice(1)}`),
      }
    }
    case 6:
      return {
        name: 'long',
        bytes: Buffer.from(JSON.stringify({ ...body, padding: 'x'.repeat(random.integer(50_000, 70_000)) })),
      }
    case 7:
      return {
        name: 'many',
        bytes: Buffer.from(
          JSON.stringify({ ...body, messages: Array.from({ length: 2_000 }, () => random.pick(VALUES)) }),
        ),
      }
    default: {
      const changes = random.integer(1, 3)
      for (let change = 0; change < changes; change++) spoil(random, body)
      return { name: 'spoilt', bytes: Buffer.from(JSON.stringify(body)) }
    }
  }
}

/** Puts a wrong value somewhere into it, however deep. */
function spoil(random: Random, target: Record<string, unknown>): void {
  const keys = Object.keys(target)
  const key =
    !Array.isArray(target) && (keys.length === 0 || random.chance(0.1))
      ? random.pick(STRANGE_KEYS)
      : random.pick(keys.length === 0 ? ['0'] : keys)
  const value = Object.hasOwn(target, key) ? target[key] : undefined
  if (typeof value === 'object' && value !== null && random.chance(0.6)) {
    spoil(random, value as Record<string, unknown>)
    return
  }
  // Not by assignment: `__proto__` would set the prototype of the test's own object.
  Object.defineProperty(target, key, {
    value: structuredClone(random.pick(VALUES)),
    enumerable: true,
    configurable: true,
    writable: true,
  })
}

function withBytes(body: object, bytes: readonly number[]): Buffer {
  const text = JSON.stringify({ ...body, model: 'MARK' })
  const [before = '', after = ''] = text.split('MARK')
  return Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(after)])
}

function deep(random: Random): Buffer {
  const depth = random.pick([63, 64, 65, 1_000, 100_000])
  const [open, close] = random.pick([
    ['[', ']'],
    ['{"a":', '}'],
  ])
  return Buffer.from(`${open.repeat(depth)}${random.chance(0.5) ? `1${close.repeat(depth)}` : ''}`)
}

function cut(random: Random, text: string): Buffer {
  return Buffer.from(text.slice(0, random.integer(0, text.length)))
}
