const FUNCTION = {
  name: 'add',
  description: 'adds',
  parameters: { type: 'object', properties: { a: { type: 'number' } } },
}
const IMAGE = 'data:image/png;base64,AAAA'

const KEPT = { model: 'a', keep_alive: '5m', ttl: 60, pin: true, priority: 1 }
const SAMPLING = {
  temperature: 0.5,
  top_p: 0.5,
  top_k: 5,
  min_p: 0.1,
  seed: 1,
  stop: ['x'],
  max_tokens: 5,
  stream: true,
}
const OPTIONS = { num_ctx: 512, num_predict: 5, temperature: 0.5, stop: ['x'], seed: 1 }
const MESSAGES = [
  { role: 'system', content: 'be brief' },
  {
    role: 'user',
    content: [
      { type: 'text', text: 'hi' },
      { type: 'image_url', image_url: { url: IMAGE } },
    ],
  },
  {
    role: 'assistant',
    content: null,
    tool_calls: [{ id: 'c', type: 'function', function: { name: 'add', arguments: '{}' } }],
  },
  { role: 'tool', tool_call_id: 'c', content: '3' },
]

/** What an honest client sends to each route, with as many fields as the route reads. */
const BODIES: Readonly<Record<string, object>> = {
  '/v1/chat/completions': {
    ...KEPT,
    ...SAMPLING,
    messages: MESSAGES,
    n: 1,
    tools: [{ type: 'function', function: FUNCTION }],
    tool_choice: { type: 'function', function: { name: 'add' } },
    parallel_tool_calls: true,
    response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'object' } } },
    stream_options: { include_usage: true },
    logprobs: true,
    top_logprobs: 2,
    reasoning_effort: 'low',
    chat_template_kwargs: { enable_thinking: true },
    metadata: { conversation_id: 'c' },
    prompt_cache_key: 'k',
  },
  '/v1/completions': { ...KEPT, ...SAMPLING, prompt: ['hi'], suffix: 'x', echo: true, logprobs: 0, best_of: 1, n: 1 },
  '/v1/embeddings': { ...KEPT, input: ['hi'], encoding_format: 'base64', dimensions: null },
  '/v1/responses': {
    ...KEPT,
    stream: true,
    input: [
      {
        type: 'message',
        role: 'user',
        content: [
          { type: 'input_text', text: 'hi' },
          { type: 'input_image', image_url: IMAGE },
        ],
      },
      { type: 'function_call', call_id: 'c', name: 'add', arguments: '{}' },
      { type: 'function_call_output', call_id: 'c', output: '3' },
    ],
    instructions: 'be brief',
    max_output_tokens: 5,
    previous_response_id: 'resp_1',
    store: true,
    tools: [{ type: 'function', ...FUNCTION, strict: true }],
    tool_choice: 'auto',
    text: { format: { type: 'json_schema', name: 'x', schema: { type: 'object' } } },
    reasoning: { effort: 'low' },
    metadata: { a: 'b' },
    include: ['reasoning.encrypted_content'],
    truncation: 'disabled',
    temperature: 0.5,
  },
  '/v1/messages': {
    ...KEPT,
    max_tokens: 5,
    stream: true,
    system: [{ type: 'text', text: 'be brief', cache_control: { type: 'ephemeral' } }],
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'hi' },
          { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } },
        ],
      },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'hm', signature: 's' },
          { type: 'tool_use', id: 'c', name: 'add', input: {} },
        ],
      },
      {
        role: 'user',
        content: [{ type: 'tool_result', tool_use_id: 'c', content: [{ type: 'text', text: '3' }], is_error: false }],
      },
    ],
    tools: [{ name: 'add', description: 'adds', input_schema: FUNCTION.parameters }],
    tool_choice: { type: 'tool', name: 'add', disable_parallel_tool_use: true },
    thinking: { type: 'enabled', budget_tokens: 1_024 },
    stop_sequences: ['x'],
    temperature: 0.5,
    top_k: 5,
    top_p: 0.5,
    metadata: { user_id: 'u' },
  },
  '/api/chat': {
    model: 'a',
    keep_alive: 0,
    stream: true,
    messages: [
      { role: 'user', content: 'hi', images: ['AAAA'] },
      {
        role: 'assistant',
        content: '',
        thinking: 'hm',
        tool_calls: [{ function: { name: 'add', arguments: { a: 1 } } }],
      },
      { role: 'tool', content: '3', tool_name: 'add' },
    ],
    tools: [{ type: 'function', function: FUNCTION }],
    format: { type: 'object' },
    options: OPTIONS,
    think: 'low',
  },
  '/api/generate': {
    ...{ model: 'a', keep_alive: 0, stream: true, prompt: 'hi', suffix: 'x', system: 's', template: '', raw: false },
    ...{ context: [1, 2], images: ['AAAA'], format: 'json', options: OPTIONS, think: true },
  },
  '/api/embed': { model: 'a', input: ['hi'], truncate: true, options: OPTIONS, keep_alive: '5m' },
  '/api/embeddings': { model: 'a', prompt: 'hi', options: OPTIONS, keep_alive: '5m' },
  '/api/create': {
    model: 'b',
    from: 'a',
    system: 's',
    parameters: OPTIONS,
    messages: MESSAGES,
    files: { a: 'sha256:0' },
    stream: false,
  },
  '/api/copy': { source: 'a', destination: 'b' },
  '/grym/v1/tokens/count': { model: 'a', messages: MESSAGES },
  '/grym/v1/models/allocate': { model: 'a', requiredBytes: 1, preferredBytes: 2 },
}

/** For routes without a row: what names a model. */
const ANY = {
  model: 'a',
  name: 'a',
  limits: { maxTokens: 5 },
  message: { role: 'user', content: 'hi' },
  pinned: true,
  stream: false,
}

export function honestBody(path: string): object {
  return BODIES[path] ?? (path === '/v1/messages/count_tokens' ? BODIES['/v1/messages'] : undefined) ?? ANY
}
