import { readFile } from 'node:fs/promises'
import { planAnswer } from '../src/providers/embedded/worker/answer-plan.ts'
import { ChatTemplate } from '../src/providers/embedded/worker/chat-template.ts'
import { tokenizePrompt } from '../src/providers/embedded/worker/tokenize-prompt.ts'
import { bareOptions, finish, openBareContext } from './bare-context.ts'

/*
 * The engine without grym reads a question and saves its state, all but the last token, whose output is needed. Only the prompt is made by
 * grym's own code, so that both answer the same one. `… QUESTION_FILE STATE_FILE`; prints `{"promptTokens", "lastToken"}`.
 */
const { options, rest } = bareOptions()
const [questionPath = '', statePath = ''] = rest
const { model, context } = await openBareContext(options)
const sequence = context.getSequence()
const messages = [{ role: 'user', content: await readFile(questionPath, 'utf8') }] as const
const tokens = tokenizePrompt(model, planAnswer({ messages }, ChatTemplate.of(model)).prompt)
await sequence.evaluateWithoutGeneratingNewTokens(tokens.slice(0, -1))
await sequence.saveStateToFile(statePath)
finish({ promptTokens: tokens.length, lastToken: tokens.at(-1) })
