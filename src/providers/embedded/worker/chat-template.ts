import { Template } from '@huggingface/jinja'
import type { LlamaModel } from 'node-llama-cpp'
import type { ChatMessage } from '../../../spec/chat.ts'
import { resourceError } from '../../../spec/errors.ts'

/**
 * Used when the file carries no template: ChatML, the most common form
 * (https://github.com/openai/openai-python/blob/release-v0.28.1/chatml.md).
 */
export const CHATML_TEMPLATE: string =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}" +
  "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"

/** What a template may refer to beside the messages. */
export interface TemplateTokens {
  readonly bosToken: string
  readonly eosToken: string
}

/**
 * A model's own chat template, as Hugging Face defines them (Jinja with `messages`, `add_generation_prompt`,
 * `bos_token`, `eos_token`). A template is a program from whoever made the file: the host puts a deadline on it.
 */
export class ChatTemplate {
  readonly #template: Template
  readonly #tokens: TemplateTokens

  constructor(source: string, tokens: TemplateTokens) {
    this.#template = parse(source)
    this.#tokens = tokens
  }

  /** @param override Jinja that takes the place of the file's own. */
  static of(model: LlamaModel, override: string | null = null): ChatTemplate {
    const source = override ?? model.fileInfo.metadata.tokenizer?.chat_template
    const { bosString, eosString } = model.tokens
    return new ChatTemplate(source ?? CHATML_TEMPLATE, { bosToken: bosString ?? '', eosToken: eosString ?? '' })
  }

  /** The prompt, ready to be continued by the assistant. Throws `template-failed` when the template refuses it. */
  render(messages: readonly ChatMessage[]): string {
    try {
      return this.#template.render({
        messages: messages.map(({ role, content }) => ({ role, content })),
        add_generation_prompt: true,
        bos_token: this.#tokens.bosToken,
        eos_token: this.#tokens.eosToken,
      })
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      throw resourceError('template-failed', `The model's own chat template refuses these messages: ${why}`)
    }
  }
}

/** Throws `model-options-invalid` when it is no template at all. */
function parse(source: string): Template {
  try {
    return new Template(source)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const message = `The model's chat template is no Jinja: ${why} Correct the one in its entry, or give it one there.`
    throw resourceError('model-options-invalid', message, { cause: error })
  }
}
