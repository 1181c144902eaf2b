import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import type { ErrorReason } from '../../spec/error-reason.ts'
import { asLoadFailure, isRunnerGone, ollamaFailure } from './ollama-failure.ts'

/** Texts of 0.17.4 and 0.33.0, with the status they come with. */
const TEXTS: readonly (readonly [status: number, text: string, reason: ErrorReason])[] = [
  [404, "model 'x' not found", 'model-file-missing'],
  [404, 'model "x" not found, try pulling it first', 'model-file-missing'],
  [400, 'the input length exceeds the context length', 'context-too-long'],
  [400, 'input after truncation exceeds maximum context length', 'context-too-long'],
  [400, 'input exceeds maximum context length and cannot be truncated further', 'context-too-long'],
  [
    400,
    'the prompt is longer than the context length currently available to the model; shorten the prompt, adjust',
    'context-too-long',
  ],
  [400, '{"error":{"type":"exceed_context_size_error"}}', 'context-too-long'],
  [500, 'model requires more system memory (5.6 GiB) than is available (1.2 GiB)', 'out-of-memory'],
  [500, 'model requires more system memory than is currently available unable to load full model', 'out-of-memory'],
  [500, 'llama runner process has terminated: signal: killed', 'out-of-memory'],
  [500, 'llama-server process has terminated: exit status 1: unable to allocate buffer', 'out-of-memory'],
  [500, 'llama runner process has terminated: exit status 2', 'model-load-failed'],
  [500, "error loading model architecture: unknown model architecture: 'x'", 'architecture-unsupported'],
  [500, 'this model is not supported by your version of Ollama. You may need to upgrade', 'architecture-unsupported'],
  [500, 'unable to load model: /blobs/sha256-0', 'architecture-unsupported'],
  [500, 'tensor "blk.0.ffn_up.weight" offset+size (322528) exceeds file size (300000)', 'model-file-corrupt'],
  [500, 'timed out waiting for llama runner to start - progress 0.50 - ', 'load-timeout'],
  [500, 'timed out waiting for llama-server to start - ', 'load-timeout'],
  [400, '"nomic" does not support generate', 'generation-unsupported'],
  [400, '"nomic" does not support chat', 'generation-unsupported'],
  [400, 'registry.ollama.ai/library/x:latest does not support tools', 'tools-unsupported'],
  [400, 'registry.ollama.ai/library/x:latest does not support insert', 'suffix-unsupported'],
  [400, 'registry.ollama.ai/library/x:latest does not support vision', 'images-unsupported'],
  [500, 'invalid JSON schema in format', 'schema-unsupported'],
  [500, 'invalid format: "x"; expected "json" or a valid JSON Schema object', 'schema-unsupported'],
  [503, 'server busy, please try again.  maximum pending requests exceeded', 'engine-busy'],
  [401, 'unauthorized', 'engine-refused'],
  [403, '', 'engine-refused'],
  [400, 'option "num_ctx" must be of type integer', 'engine-refused'],
  [400, '"x" does not support thinking', 'engine-refused'],
  [502, 'Bad Gateway', 'engine-unreachable'],
  [500, 'something else', 'engine-error'],
]

test.each(TEXTS)('%i %s → %s', (status, text, reason) => {
  const error = ollamaFailure({ status, text, model: 'the-model' })
  expect(error.reason).toBe(reason)
  if (text !== '') expect(error.message).toContain(text.trim())
  expect(error.message).toMatch(/[.?]$/)
})

test('within a stream there is no status, and the words say enough', () => {
  expect(ollamaFailure({ text: 'the input length exceeds the context length' }).reason).toBe('context-too-long')
  expect(ollamaFailure({ text: 'whatever' }).reason).toBe('engine-error')
})

test('words of a process that died under an answer are known', () => {
  for (const text of [
    'model runner has unexpectedly stopped, this may be due to resource limitations or an internal error',
    'an error was encountered while running the model: unexpected EOF',
    'llama runner process no longer running: -1 ',
    'llama runner process has terminated: signal: killed',
    'do embedding request: Post "http://127.0.0.1:1/embedding": EOF',
    'dial tcp 127.0.0.1:1: connect: connection refused',
  ]) {
    expect(isRunnerGone(ollamaFailure({ status: 500, text }))).toBe(true)
  }
  expect(isRunnerGone(ollamaFailure({ status: 400, text: 'the input length exceeds the context length' }))).toBe(false)
})

test('what Ollama quotes of an answer says nothing of the engine', () => {
  for (const written of ['No such file or directory', 'out of memory', 'is corrupt', '<<EOF', 'connection refused']) {
    for (const before of ['error parsing tool call: ', 'some later wording: ']) {
      const text = `${before}raw='{"cmd":"it's ${written}', err=unexpected end of JSON input`
      const error = ollamaFailure({ status: 500, text, model: 'x' })
      expect([error.reason, isRunnerGone(error)]).toEqual(['engine-error', false])
    }
  }
  expect(isRunnerGone(ollamaFailure({ text: 'XML syntax error on line 3: unexpected EOF' }))).toBe(false)
  expect(isRunnerGone(ollamaFailure({ status: 502, text: 'dial tcp 10.0.0.1:1: connect: connection refused' }))).toBe(
    false,
  )
})

test('a load without a better name for its failure may be tried again; lack of memory on GPUs is told apart', () => {
  const failed = (text: string, isOnGpu: boolean): ErrorReason =>
    asLoadFailure(ollamaFailure({ status: 500, text }), isOnGpu).reason
  expect(failed('model failed to load, this may be due to resource limitations', false)).toBe('model-load-failed')
  expect(failed('cudaMalloc failed: out of memory', true)).toBe('gpu-out-of-memory')
  expect(failed('cudaMalloc failed: out of memory', false)).toBe('out-of-memory')
  expect(failed('model requires more system memory (1 GiB) than is available (0 B)', true)).toBe('out-of-memory')
})

/** Recorded of an Ollama 0.17.4. */
const RECORDED = new URL('../../../test/fixtures/engines/ollama-0.17.4-2026-11-27/', import.meta.url)

test.each<readonly [file: string, reason: ErrorReason]>([
  ['load-cut', 'model-file-corrupt'],
  ['load-damaged', 'model-file-corrupt'],
  ['load-unknown-architecture', 'architecture-unsupported'],
  ['load-without-memory', 'out-of-memory'],
  ['load-that-ends-the-runner', 'model-load-failed'],
  ['killed-while-loading', 'out-of-memory'],
  ['chat-unknown-model', 'model-file-missing'],
  ['chat-too-long', 'context-too-long'],
  ['embed-too-long', 'context-too-long'],
  ['chat-tools-unsupported', 'tools-unsupported'],
  ['generate-suffix-unsupported', 'suffix-unsupported'],
  ['generate-with-embedding-model', 'generation-unsupported'],
  ['wrong-option', 'engine-refused'],
])('what a real Ollama said is known: %s → %s', async (file, reason) => {
  const text = await readFile(fileURLToPath(new URL(`${file}.txt`, RECORDED)), 'utf8')
  const [, status, body = ''] = /^# (\d+)[^\n]*\n?(.*)$/s.exec(text) ?? []
  const said = body.trim() === '' ? '' : (JSON.parse(body) as { error: string }).error
  const refused = ollamaFailure({ status: Number(status), text: said, model: 'x' })
  expect(asLoadFailure(refused, false).reason).toBe(reason)
})
