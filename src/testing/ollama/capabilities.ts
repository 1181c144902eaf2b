import type { EngineAge } from './engine-age.ts'
import { type FakeCapability, type FakeModel, fullName } from './models.ts'
import { quoted, Refusal } from './refusal.ts'

/**
 * Field `think`: true or a level for "yes". Not said is "yes" for a model that can. Throws a 400 for one that cannot,
 * and for the level `max` before 0.30.
 */
export function isThinking(model: FakeModel, asked: string, think: unknown, age: EngineAge): boolean {
  if (think === 'max' && age === 'own-runner') throw invalidThink(think)
  if (model.capabilities.includes('thinking')) return think !== false
  if (think !== undefined && think !== false) throw new Refusal(400, `${quoted(asked)} does not support thinking`)
  return false
}

/** The refusal of a level of thinking that there is not. */
export function invalidThink(value: string): Refusal {
  const text = `invalid think value: ${quoted(value)} (must be "high", "medium", "low", true, or false)`
  return new Refusal(400, text)
}

/**
 * Throws a 400 when a model lacks what a request needs: in one wording for answers as such, which quotes the name as it
 * was asked for, and in another one for the rest, with the whole name.
 */
export function checkCapabilities(
  model: FakeModel,
  asked: string,
  verb: 'generate' | 'chat',
  wanted: readonly FakeCapability[],
): void {
  if (!model.capabilities.includes('completion')) throw new Refusal(400, `${quoted(asked)} does not support ${verb}`)
  const lacking = wanted.filter((capability) => !model.capabilities.includes(capability))
  if (lacking.length > 0) throw new Refusal(400, `${fullName(model.name)} does not support ${lacking.join('\n')}`)
}

/** Throws what a cloud model answers to someone who has not signed in. */
export function checkLocal(model: FakeModel): void {
  if (!model.remote) return
  throw new Refusal(401, 'unauthorized', { signin_url: 'https://ollama.com/connect?name=fake&key=fake' })
}
