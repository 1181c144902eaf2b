import { expect, test } from 'vitest'
import { ServedManager } from '../../../test/support/served-manager.ts'

async function show(body: object): Promise<Response> {
  await using served = await ServedManager.start()
  const response = await fetch(`${served.url}/api/show`, { method: 'POST', body: JSON.stringify(body) })
  return new Response(await response.text(), { status: response.status })
}

test.each([{ model: 'a' }, { name: 'a', verbose: true }, {}])('what editors look for: %j', async (body) => {
  expect(await (await show(body)).json()).toMatchObject({
    template: '{{ messages }}',
    parameters: expect.stringMatching(/^num_ctx +2048$/),
    modelfile: expect.stringContaining('FROM a\n'),
    license: '',
    details: { format: 'gguf', family: 'llama', parameter_size: '134.5M', quantization_level: 'Q4_1' },
    model_info: {
      'general.architecture': 'llama',
      'general.parameter_count': 134_515_008,
      'llama.context_length': 8_192,
      'llama.block_count': 30,
      'llama.embedding_length': 576,
      'llama.vocab_size': 49_152,
    },
    capabilities: ['completion'],
    modified_at: '1970-01-01T00:00:01.500Z',
  })
})

test('an unknown model is told as such', async () => {
  const response = await show({ model: 'unknown' })
  expect(response.status).toBe(404)
  expect(await response.json()).toMatchObject({ error: expect.stringContaining('unknown'), reason: 'model-not-found' })
})
