/** How a family of models marks what it thinks aloud before its answer. */
export interface ReasoningSyntax {
  readonly open: string
  readonly close: string
  /** Marks between reasoning and answer that belong to neither. */
  readonly answerMark?: string
}

/** Most specific first: a template may mention more than one. */
const FAMILIES: readonly ReasoningSyntax[] = [
  // gpt-oss ("harmony", https://github.com/openai/harmony); from the documentation, not tried with the model.
  {
    open: '<|channel|>analysis<|message|>',
    close: '<|end|>',
    answerMark: '<|start|>assistant<|channel|>final<|message|>',
  },
  // Magistral.
  { open: '[THINK]', close: '[/THINK]' },
  // Seed-OSS.
  { open: '<seed:think>', close: '</seed:think>' },
  // DeepSeek R1, Qwen 3, SmolLM3, GLM and most others.
  { open: '<think>', close: '</think>' },
]

/** The marks that a chat template writes or looks for; `undefined` where it knows of no reasoning. */
export function reasoningSyntaxOf(template: string): ReasoningSyntax | undefined {
  if (template.includes('<|channel|>') && template.includes('analysis')) return FAMILIES[0]
  return FAMILIES.slice(1).find(({ open, close }) => template.includes(open) || template.includes(close))
}

/** Does a prompt end inside the reasoning, so that the answer begins with it? */
export function endsInReasoning(prompt: string, { open }: ReasoningSyntax): boolean {
  return prompt.trimEnd().endsWith(open)
}
