import { resourceError } from '../../spec/errors.ts'
import type { CountedPrompt } from '../../spec/token-count.ts'
import { LLAMA_SERVER } from '../openai/dialect.ts'
import { encodeMessage } from '../openai/encode-message.ts'
import { encodeTools } from '../openai/encode-options.ts'
import type { EngineHttp } from '../openai/engine-http.ts'
import { asRecord, asText } from '../../spec/json-narrowing.ts'

/** How many tokens {@link promptTokens} are. */
export async function countPrompt(
  http: EngineHttp,
  rootUrl: string,
  prompt: CountedPrompt,
  signal: AbortSignal,
): Promise<number> {
  return (await promptTokens(http, rootUrl, prompt, signal)).length
}

/**
 * Tokens of messages and tools as llama-server's prompt: its own template, then its own tokenizer, with the tokens in front
 * that a chat gets, too.
 */
export async function promptTokens(
  http: EngineHttp,
  rootUrl: string,
  prompt: CountedPrompt,
  signal: AbortSignal,
): Promise<readonly unknown[]> {
  const { messages, thinking } = prompt
  if (messages.some(({ images = [] }) => images.length > 0)) {
    const message = 'What a picture takes of the window is known only once it was looked at.'
    throw resourceError('counting-unsupported', message)
  }
  const rendered = await http.json({
    url: `${rootUrl}/apply-template`,
    body: {
      messages: messages.map(encodeMessage),
      ...encodeTools(prompt, LLAMA_SERVER),
      ...(thinking !== undefined && { chat_template_kwargs: { enable_thinking: thinking } }),
    },
    signal,
  })
  const content = asText(asRecord(rendered)?.['prompt'])
  if (content === undefined) throw notCounted()
  return textTokens(http, rootUrl, content, signal)
}

/** Tokens of a text as a prompt, with those in front that every prompt gets. */
export async function textTokens(
  http: EngineHttp,
  rootUrl: string,
  content: string,
  signal: AbortSignal,
): Promise<readonly unknown[]> {
  const body = { content, add_special: true, parse_special: true }
  const tokenized = asRecord(await http.json({ url: `${rootUrl}/tokenize`, body, signal }))
  const tokens = tokenized?.['tokens']
  if (!Array.isArray(tokens)) throw notCounted()
  return tokens as unknown[]
}

function notCounted(): Error {
  return resourceError('counting-unsupported', 'The server did not say how many tokens it counted.')
}
