import { CHAT_TEMPLATE } from '../answering/chat-text.ts'
import { BEGIN_MARK, type LlamaEngine } from './engine.ts'

/** What the fake says where llama-server names its build. */
export const BUILD_INFO = 'b0-fake'

/** `GET /props`. */
export function propsReply({ options, contextTokens, pool }: LlamaEngine): Record<string, unknown> {
  return {
    default_generation_settings: { params: DEFAULT_PARAMS, n_ctx: contextTokens },
    total_slots: pool.slots.length,
    model_alias: options.alias,
    model_ftype: 'Q4_K - Medium',
    model_path: options.modelPath,
    modalities: { vision: false, video: false, audio: false },
    media_marker: '<__media__>',
    endpoint_slots: options.hasSlotsEndpoint,
    endpoint_props: false,
    endpoint_metrics: false,
    ui: true,
    ui_settings: {},
    chat_template: CHAT_TEMPLATE,
    chat_template_caps: { supports_tools: true, supports_tool_calls: true, supports_system_role: true },
    bos_token: BEGIN_MARK,
    eos_token: '<|end|>',
    build_info: BUILD_INFO,
    is_sleeping: false,
    cors_proxy_enabled: false,
  }
}

/** `GET /v1/models`: OpenAI's list, and one like Ollama's. */
export function modelsReply({ options, contextTokens, knobs, clock }: LlamaEngine): Record<string, unknown> {
  const { alias } = options
  const details = {
    parent_model: '',
    format: 'gguf',
    family: '',
    families: [''],
    parameter_size: '',
    quantization_level: '',
  }
  return {
    models: [
      {
        name: alias,
        model: alias,
        modified_at: '',
        size: '',
        digest: '',
        type: 'model',
        description: '',
        tags: [''],
        capabilities: ['completion'],
        parameters: '',
        details,
      },
    ],
    object: 'list',
    data: [
      {
        id: alias,
        aliases: [alias],
        tags: [],
        object: 'model',
        created: Math.floor(clock.nowMs() / 1000),
        owned_by: 'llamacpp',
        meta: {
          vocab_type: 1,
          n_vocab: 32_000,
          n_ctx: contextTokens,
          n_ctx_train: knobs.trainedContextTokens,
          n_embd: knobs.embeddingLength,
          n_params: 1_000_000,
          size: 4_000_000,
          ftype: 'Q4_K - Medium',
        },
      },
    ],
  }
}

/** `GET /slots`. */
export function slotsReply({ pool, contextTokens }: LlamaEngine): Record<string, unknown>[] {
  return pool.slots.map(({ id, isBusy, tokens, lastUse }) => ({
    id,
    n_ctx: contextTokens,
    speculative: false,
    is_processing: isBusy,
    ...(lastUse > 0 && { id_task: lastUse, n_prompt_tokens: tokens.length, params: DEFAULT_PARAMS }),
  }))
}

const DEFAULT_PARAMS = {
  seed: 4_294_967_295,
  temperature: 0.8,
  top_k: 40,
  top_p: 0.95,
  min_p: 0.05,
  repeat_last_n: 64,
  repeat_penalty: 1,
  presence_penalty: 0,
  frequency_penalty: 0,
  max_tokens: -1,
  n_predict: -1,
  n_keep: 0,
  ignore_eos: false,
  stream: true,
  n_probs: 0,
}
