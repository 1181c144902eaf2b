import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseOllamaManifest, remoteHostOf } from './ollama-manifest.ts'

const A = 'a'.repeat(64)
const B = 'b'.repeat(64)

function layer(kind: string, changes: object = {}): object {
  return { mediaType: `application/vnd.ollama.image.${kind}`, digest: `sha256:${A}`, size: 5, ...changes }
}

function parse(layers: unknown, config?: unknown): ReturnType<typeof parseOllamaManifest> {
  return parseOllamaManifest(JSON.stringify({ schemaVersion: 2, config, layers }))
}

test('of several layers with weights or a system prompt the last one counts', () => {
  const read = parse([layer('model'), layer('system'), layer('model', { digest: `sha256-${B}`, size: 6 })])
  expect(read).toMatchObject({ weights: { sha256: B, sizeBytes: 6 }, system: { sha256: A, sizeBytes: 5 } })
})

test('parameters and adapters count all; what else there is, is noted', () => {
  const kinds = ['params', 'params', 'adapter', 'tensor', 'projector', 'template', 'messages', 'license']
  expect(parse(kinds.map((kind) => layer(kind)))).toEqual({
    params: [1, 2].map(() => ({ sha256: A, sizeBytes: 5 })),
    adapters: [{ sha256: A, sizeBytes: 5 }],
    hasTensors: true,
    hasProjector: true,
    hasTemplate: true,
    hasMessages: true,
  })
})

test.each([[null], [undefined], [[]]])('layers may be %j, as of models that run elsewhere', (layers) => {
  expect(parse(layers, { mediaType: 'x', digest: '', size: 0 })).toMatchObject({ params: [], adapters: [] })
})

test.each([
  ['../../etc/passwd'],
  [`sha256:${A.slice(1)}`],
  [`sha256:${A}0`],
  [`sha256:${'A'.repeat(64)}`],
  [`sha512:${A}`],
  [`sha256:${A}\n`],
  [7],
])('the digest %j is refused: no path is made of it', (digest) => {
  expect(parse([layer('model', { digest })])).toMatch(/^layers\.0\.digest: /)
})

test.each([
  [[layer('model', { size: -1 })], /^layers\.0\.size: /],
  [[layer('model', { size: 1.5 })], /^layers\.0\.size: /],
  [[layer('model', { mediaType: 'x'.repeat(201) })], /^layers\.0\.mediaType: /],
  ['x', /^layers: /],
  [Array.from({ length: 20_001 }, () => layer('tensor')), /^layers: /],
])('a wrong shape is told by its place', (layers, told) => {
  expect(parse(layers)).toMatch(told)
})

test.each(['', '{', 'null', '[]', '7'])('%j is no manifest', (text) => {
  expect(parseOllamaManifest(text)).toEqual(expect.any(String))
})

test('whatever the text, it is a manifest or a sentence', () => {
  const text = fc.oneof(fc.json(), fc.string())
  fc.assert(fc.property(text, (it) => ['string', 'object'].includes(typeof parseOllamaManifest(it))))
})

test('where a model runs, if not here', () => {
  expect(remoteHostOf('{"remote_host": "https://ollama.com:443", "remote_model": "x"}')).toBe('https://ollama.com:443')
  for (const text of ['{}', '', '{"remote_host": ""}', '{"remote_host": 7}']) expect(remoteHostOf(text)).toBeUndefined()
})
