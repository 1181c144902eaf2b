import type { ErrorReason } from './error-reason.ts'
import type { ErrorRow } from './error-row.ts'

type EngineReason = Extract<
  ErrorReason,
  | 'engine-unreachable'
  | 'engine-busy'
  | 'engine-refused'
  | 'server-start-failed'
  | 'wrong-model'
  | 'counting-unsupported'
>

/** Part of the error table: engines that run apart from grym, Ollama, LM Studio and commands that serve HTTP. */
export const ENGINE_ERRORS: Readonly<Record<EngineReason, ErrorRow>> = {
  'engine-unreachable': {
    code: 'MODEL_LOAD_FAILED',
    httpStatus: 502,
    isRetryable: true,
    meaning: 'The engine that holds the model does not answer at its address.',
    nextStep: 'Start it, or correct its address in the configuration; `grym doctor` shows what is asked.',
  },
  'engine-busy': {
    code: 'RESOURCE_LIMIT_EXCEEDED',
    httpStatus: 503,
    isRetryable: true,
    meaning: 'The engine has more requests than it takes, and had after several more tries.',
    nextStep: 'Try again later; something else uses the same engine.',
  },
  'engine-refused': {
    code: 'MODEL_LOAD_FAILED',
    httpStatus: 422,
    isRetryable: false,
    meaning: 'The engine refuses what grym asks of it: a missing or wrong token, or a request that it does not know.',
    nextStep: 'Look at what the message quotes; set the token in the configuration where one is missing.',
  },
  'server-start-failed': {
    code: 'MODEL_LOAD_FAILED',
    httpStatus: 422,
    isRetryable: false,
    meaning: 'The configured command cannot be started, or ended before it was ready.',
    nextStep: 'Look at `grym logs` of the model, and run the command by hand.',
  },
  'wrong-model': {
    code: 'SYSTEM_ERROR',
    httpStatus: 422,
    isRetryable: false,
    meaning: 'The engine answered with another model than the one that was asked, so its answer is not passed on.',
    nextStep: 'Load the model in that engine under the name that is asked for.',
  },
  'counting-unsupported': {
    code: 'SYSTEM_ERROR',
    httpStatus: 400,
    isRetryable: false,
    meaning: 'The engine cannot count tokens without answering; grym estimates instead and says so.',
    nextStep: 'Nothing: the estimate is used.',
  },
}
