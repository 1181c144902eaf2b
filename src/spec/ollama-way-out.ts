/** What a person can do about a model of Ollama's whose file the embedded engine does not take. Whole sentences. */
export function ollamaWayOut(name: string): string {
  return (
    `Get a newer one with \`ollama pull ${name}\`, run it through Ollama itself (grym does not connect to it yet), ` +
    'or get another GGUF of it with `grym pull`.'
  )
}
