import { Template } from '@huggingface/jinja'
import type { LlamaModel } from 'node-llama-cpp'
import type { ChatMessage, ToolDefinition } from '../../../spec/chat.ts'
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

/** What a prompt is made of. */
export interface PromptInput {
  readonly messages: readonly ChatMessage[]
  /** Shown to the model by the template, where it {@link ChatTemplate.takesTools}. */
  readonly tools?: readonly ToolDefinition[]
  /** `enable_thinking` for templates that ask for it; absent = as they have it. */
  readonly thinking?: boolean
}

/**
 * A model's own chat template, as Hugging Face defines them (Jinja with `messages`, `tools`, `add_generation_prompt`,
 * `bos_token`, `eos_token`). A template is a program from whoever made the file: the host puts a deadline on it.
 */
export class ChatTemplate {
  readonly source: string
  readonly #template: Template
  readonly #tokens: TemplateTokens
  #takesTools: boolean | undefined
  #callForm: CallForm | undefined

  constructor(source: string, tokens: TemplateTokens) {
    this.source = source
    this.#template = parse(source)
    this.#tokens = tokens
  }

  /** @param override Jinja that takes the place of the file's own. */
  static of(model: LlamaModel, override: string | null = null): ChatTemplate {
    const source = override ?? model.fileInfo.metadata.tokenizer?.chat_template
    const { bosString, eosString } = model.tokens
    return new ChatTemplate(source ?? CHATML_TEMPLATE, { bosToken: bosString ?? '', eosToken: eosString ?? '' })
  }

  /** Does it show tools to the model? Found by showing it one. */
  get takesTools(): boolean {
    this.#takesTools ??= this.#shows(PROBE, TOOLS, USUAL_FORM)
    return this.#takesTools
  }

  /** The prompt, ready to be continued by the assistant. Throws `template-failed` when the template refuses it. */
  render(input: PromptInput): string {
    try {
      return this.#render(input, this.#formOf(input.messages))
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      throw resourceError('template-failed', `The model's own chat template refuses these messages: ${why}`)
    }
  }

  /** The same without what asks the assistant to go on; `undefined` when the template refuses that. */
  renderHistory(input: PromptInput): string | undefined {
    try {
      return this.#render(input, this.#formOf(input.messages), false)
    } catch {
      // A template that always asks for an answer has no such point.
      return undefined
    }
  }

  #render({ messages, tools, thinking }: PromptInput, form: CallForm, asksForAnswer = true): string {
    return this.#template.render({
      messages: messages.map((message) => templateMessage(message, form)),
      ...(tools && tools.length > 0 && { tools: tools.map(templateTool) }),
      ...(thinking !== undefined && { enable_thinking: thinking }),
      add_generation_prompt: asksForAnswer,
      bos_token: this.#tokens.bosToken,
      eos_token: this.#tokens.eosToken,
    })
  }

  /** Which form of a call this template writes is found by trying, once there is a call to write. */
  #formOf(messages: readonly ChatMessage[]): CallForm {
    if (!messages.some(({ toolCalls }) => toolCalls && toolCalls.length > 0)) return USUAL_FORM
    this.#callForm ??= CALL_FORMS.find((form) => this.#shows(WRITTEN, CALL, form)) ?? USUAL_FORM
    return this.#callForm
  }

  #shows(text: string, input: PromptInput, form: CallForm): boolean {
    try {
      return this.#render(input, form).includes(text)
    } catch {
      // Refused: it cannot be shown.
      return false
    }
  }
}

/**
 * How a message with calls is given to a template. Most write a call's arguments as JSON themselves and want an object;
 * some put them into the text as they are. OpenAI's messages have no content beside a call, and most templates know that
 * (some would end the turn twice after an empty one), but not all.
 */
interface CallForm {
  readonly argumentsAsText: boolean
  readonly emptyContent: '' | null
}

const USUAL_FORM: CallForm = { argumentsAsText: false, emptyContent: null }
const CALL_FORMS: readonly CallForm[] = [
  USUAL_FORM,
  { argumentsAsText: true, emptyContent: null },
  { argumentsAsText: false, emptyContent: '' },
  { argumentsAsText: true, emptyContent: '' },
]

/** A word that no template has. */
const PROBE = 'grym_probe_7f3a'
/** The probe as a JSON string inside written arguments. */
const WRITTEN = `"${PROBE}"`
const QUESTION: ChatMessage = { role: 'user', content: 'x' }
const TOOLS: PromptInput = { messages: [QUESTION], tools: [{ name: PROBE }] }
const CALL: PromptInput = {
  messages: [
    QUESTION,
    { role: 'assistant', content: '', toolCalls: [{ id: 'call00001', name: 'x', arguments: `{"x":"${PROBE}"}` }] },
  ],
}

/** A message as templates know them: OpenAI's form. */
function templateMessage({ role, content, toolCalls = [], toolCallId }: ChatMessage, form: CallForm): object {
  const { argumentsAsText, emptyContent } = form
  return {
    role,
    content: toolCalls.length > 0 && content === '' ? emptyContent : content,
    ...(toolCalls.length > 0 && {
      tool_calls: toolCalls.map(({ id, name, arguments: text }) => ({
        id,
        type: 'function',
        function: { name, arguments: argumentsAsText ? text : argumentsOf(text) },
      })),
    }),
    ...(toolCallId !== undefined && { tool_call_id: toolCallId }),
  }
}

/** What is no JSON object (a model wrote it) stays text. */
function argumentsOf(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text === '' ? '{}' : text)
    return typeof value === 'object' && value !== null ? value : text
  } catch {
    return text
  }
}

function templateTool({ name, description, parameters }: ToolDefinition): object {
  return {
    type: 'function',
    function: {
      name,
      description: description ?? '',
      parameters: parameters ?? { type: 'object', properties: {} },
    },
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
